/**
 * What the engine says about itself: version 1 of the message that the kernel pushes about every 0.3 s.
 *
 * Pure. A message is taken whole or not at all; fields that we do not know are let pass.
 */

export interface Snapshot {
  readonly v: 1;
  /** Grows with each push of one engine. */
  readonly seq: number;
  readonly engine: 'starting' | 'running' | 'failed' | 'stopped';
  /** Why the engine failed. */
  readonly problem: string;
  readonly venue: string;
  readonly level: string;
  /** The venue's health in one word: OK, DEGRADED, DOWN and others. */
  readonly state: string;
  /** Why `state` is not OK, a sentence each. */
  readonly reasons: readonly string[];
  /** Milliseconds, like the two after it; null was not measured, and `missing` says why. */
  readonly rtt_ms: number | null;
  readonly message_age_ms: number | null;
  readonly kernel_lag_ms: number | null;
  readonly missing: Readonly<Record<string, string>>;
  /** For how long the kernel's loop has not answered, 0 when it does. */
  readonly busy_ms: number;
  /** What the rails are told: ACTIVE, or HALTED and why. */
  readonly trading: string;
  readonly halted: boolean;
  readonly halt_reason: string;
  /** Orders that HALT has cancelled so far. */
  readonly cancelled: number | null;
  readonly armed: string;
  readonly glass_cockpit: boolean;
  /** When it was measured: UTC, milliseconds, the kernel's clock. */
  readonly as_of_ms: number;
}

type Check = (value: unknown) => boolean;

const text: Check = value => typeof value === 'string';
const flag: Check = value => typeof value === 'boolean';
const number: Check = value => Number.isFinite(value);
const duration: Check = value => Number.isFinite(value) && (value as number) >= 0;
/** What a Date can hold. */
const instant: Check = value => Number.isFinite(value) && Math.abs(value as number) <= 8.64e15;
const measured: Check = value => value === null || duration(value);
const texts: Check = value => Array.isArray(value) && value.every(text);
const oneOf = (...words: unknown[]): Check => value => words.includes(value);
const named: Check = value => isRecord(value) && Object.values(value).every(text);

const FIELDS: Readonly<Record<keyof Snapshot, Check>> = {
  v: oneOf(1),
  seq: number,
  engine: oneOf('starting', 'running', 'failed', 'stopped'),
  problem: text,
  venue: text,
  level: text,
  state: text,
  reasons: texts,
  rtt_ms: measured,
  message_age_ms: measured,
  kernel_lag_ms: measured,
  missing: named,
  busy_ms: duration,
  trading: text,
  halted: flag,
  halt_reason: text,
  cancelled: measured,
  armed: text,
  glass_cockpit: flag,
  as_of_ms: instant
};

/** The snapshot in a comm message's data, or null where there is none that can be trusted. */
export function readSnapshot(data: unknown): Snapshot | null {
  const raw = isRecord(data) ? data['quantlab'] : undefined;
  if (!isRecord(raw)) {
    return null;
  }
  const sound = Object.entries(FIELDS).every(([name, check]) => check(raw[name]));
  return sound ? (raw as unknown as Snapshot) : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
