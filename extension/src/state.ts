/**
 * From what was heard to what is shown: one function, no clock, no browser.
 *
 * The order of its questions is the promise: silence beats every claim of the last snapshot, so that
 * nothing old ever looks live.
 */
import { details, seconds, span } from './words.js';
import type { Snapshot } from './snapshot.js';

/** Without a heartbeat for longer than this nothing is shown as live. */
export const STALE_AFTER_MS = 2000;
/** A kernel that has not answered for longer than this is shown as busy. */
export const BUSY_AFTER_MS = 1000;

export type State = 'no kernel' | 'no engine' | 'engine stopped' | 'failed' | 'stale' | 'halted' | 'live';
/** How urgent it looks; a glyph and a colour each. */
export type Look = 'none' | 'good' | 'waiting' | 'warning' | 'bad' | 'halted' | 'stale';

/** What is known of the current notebook: its kernel's status (null: no kernel), what was heard last, when. */
export interface Heard {
  readonly kernel: string | null;
  readonly snapshot: Snapshot | null;
  readonly ageMs: number;
}

export interface View {
  readonly state: State;
  readonly look: Look;
  /** The state in one word or two; only its changes are announced. */
  readonly word: string;
  /** The status line. */
  readonly line: string;
  /** What it means, sentence by sentence. */
  readonly details: readonly string[];
}

const LOOKS: Readonly<Record<string, Look>> = { OK: 'good', DEGRADED: 'warning', DOWN: 'bad', STOPPED: 'bad' };
const GONE: readonly string[] = ['dead', 'terminating'];

export function view({ kernel, snapshot, ageMs }: Heard): View {
  if (kernel === null || GONE.includes(kernel)) {
    return plain('no kernel', 'The current notebook has no running kernel.');
  }
  if (snapshot === null) {
    return plain('no engine', 'Nothing is heard from a quantlab engine in this kernel. Run: %load_ext quantlab');
  }
  if (snapshot.engine === 'stopped') {
    return plain('engine stopped', 'The engine was stopped. Run: %load_ext quantlab');
  }
  if (snapshot.engine === 'failed') {
    return {
      ...shown('failed', 'bad', 'FAILED', [snapshot.problem, snapshot.level]),
      details: [`The engine failed: ${snapshot.problem || 'no reason was given'}`, ...details(snapshot)]
    };
  }
  if (ageMs > STALE_AFTER_MS) {
    const before = isHalted(snapshot) ? 'HALTED' : snapshot.state;
    return {
      ...shown('stale', 'stale', 'STALE', [`was ${before}`, snapshot.level], seconds(ageMs)),
      details: [`No heartbeat for ${seconds(ageMs)}. What follows is the last one heard, not now.`, ...details(snapshot)]
    };
  }
  if (isHalted(snapshot)) {
    return { ...shown('halted', 'halted', 'HALTED', haltedParts(snapshot)), details: details(snapshot) };
  }
  const word = snapshot.engine === 'starting' ? 'STARTING' : snapshot.state;
  const parts = [pulse(snapshot), snapshot.armed, snapshot.level];
  return { ...shown('live', LOOKS[word] ?? 'waiting', word, parts), details: details(snapshot) };
}

/** HALTED is what the latch says, and what the rails are told. */
function isHalted(snapshot: Snapshot): boolean {
  return snapshot.halted || snapshot.trading.startsWith('HALTED');
}

function haltedParts(snapshot: Snapshot): string[] {
  const { state, cancelled } = snapshot;
  return [
    cancelled === null ? '' : `${cancelled} cancelled`,
    state === 'OK' ? '' : `venue ${state}`,
    pulse(snapshot),
    snapshot.level
  ];
}

/** Whether the kernel's loop answers: its lag, or for how long it has been busy. */
function pulse({ busy_ms, kernel_lag_ms }: Snapshot): string {
  return busy_ms > BUSY_AFTER_MS ? `busy ${seconds(busy_ms)}` : `lag ${span(kernel_lag_ms)}`;
}

function shown(state: State, look: Look, word: string, parts: readonly string[], since = ''): Omit<View, 'details'> {
  const head = ['quantlab', word, since].filter(Boolean).join(' ');
  return { state, look, word, line: [head, ...parts.filter(Boolean)].join(' · ') };
}

function plain(state: State, sentence: string): View {
  return { state, look: 'none', word: state, line: `quantlab: ${state}`, details: [sentence] };
}
