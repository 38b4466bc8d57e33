/** A snapshot of a healthy engine on paper, with what a test changes. */
export const snapshot = (changes = {}) => ({
  v: 1, seq: 12, engine: 'running', problem: '', venue: 'paper', level: 'L0 paper', state: 'OK', reasons: [],
  rtt_ms: 0.8, message_age_ms: 40, kernel_lag_ms: 1.2, missing: {}, busy_ms: 0,
  trading: 'ACTIVE', halted: false, halt_reason: '', cancelled: null,
  armed: 'armed', glass_cockpit: false, as_of_ms: 1760000000000,
  ...changes
});
