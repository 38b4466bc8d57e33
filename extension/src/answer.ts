/** What a kernel answers to HALT, and how it is told. Pure. */

/** `ms` is from the request to the answer, or to our giving up on it. */
export interface Answer {
  readonly outcome: 'halted' | 'already' | 'refused' | 'silent';
  readonly ms: number;
  /** The kernel's own words, to be shown as text. */
  readonly reason: string;
}

/** Halted is only what says so: anything else that comes back is told as a refusal. */
export function readReply(content: object): Pick<Answer, 'outcome' | 'reason'> {
  const reply = content as Readonly<Record<string, unknown>>;
  if (reply['status'] === 'ok' && reply['halted'] === true) {
    return { outcome: reply['already'] === true ? 'already' : 'halted', reason: words(reply['reason']) };
  }
  const reason = [reply['ename'], reply['evalue']].map(words).filter(Boolean).join(': ');
  return { outcome: 'refused', reason: reason || 'the kernel did not say that it halted' };
}

export function isHalted({ outcome }: Answer): boolean {
  return outcome === 'halted' || outcome === 'already';
}

export function sentence({ outcome, ms, reason }: Answer): string {
  switch (outcome) {
    case 'halted':
      return `HALTED after ${ms} ms: no new order leaves; what is open is being cancelled`;
    case 'already':
      return `Was halted already${reason ? `: ${reason}` : ''} (answered after ${ms} ms)`;
    case 'refused':
      return `HALT failed. In a terminal: quantlab halt. The reason: ${reason}`;
    case 'silent':
      return 'No answer in 3 s. The kernel may be held by C code, or has no quantlab engine. In a terminal: quantlab halt';
  }
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
