/** Numbers and snapshots in words. Pure; what was not measured is never shown as a number. */
import type { Snapshot } from './snapshot.js';

/** Milliseconds for a reader. */
export function span(ms: number | null): string {
  if (ms === null) {
    return '–';
  }
  if (ms >= 1000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  return ms < 1 ? '< 1 ms' : `${Math.round(ms)} ms`;
}

/** Milliseconds in whole seconds or minutes that have passed. */
export function seconds(ms: number): string {
  return ms < 120_000 ? `${Math.floor(ms / 1000)} s` : `${Math.floor(ms / 60_000)} min`;
}

/** A snapshot, sentence by sentence. */
export function details(snapshot: Snapshot): string[] {
  const { missing } = snapshot;
  return [
    `Venue ${snapshot.venue} (${snapshot.level}): ${snapshot.state}`,
    ...snapshot.reasons,
    `Trading: ${snapshot.trading}`,
    ...(snapshot.halted ? [halt(snapshot)] : []),
    `Actions: ${snapshot.armed}${snapshot.glass_cockpit ? ' (GLASS_COCKPIT)' : ''}`,
    measurement('Round trip to the venue', snapshot.rtt_ms, missing['rtt_ms']),
    measurement('Age of the last market message', snapshot.message_age_ms, missing['message_age_ms']),
    measurement("Lag of the kernel's loop", snapshot.kernel_lag_ms, missing['kernel_lag_ms']),
    ...(snapshot.busy_ms > 0 ? [`The kernel's loop has not answered for ${span(snapshot.busy_ms)}`] : []),
    `Measured at ${new Date(snapshot.as_of_ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
  ];
}

function halt({ halt_reason, cancelled }: Snapshot): string {
  const reason = halt_reason || 'no reason was given';
  return cancelled === null ? `HALT: ${reason}` : `HALT: ${reason}; ${cancelled} cancelled so far`;
}

function measurement(name: string, ms: number | null, missing: string | undefined): string {
  return ms === null ? `${name}: not measured${missing ? ` (${missing})` : ''}` : `${name}: ${span(ms)}`;
}
