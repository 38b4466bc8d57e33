/**
 * HALT on the control channel, the one that is served while a cell blocks.
 *
 * A kernel without quantlab never answers, so a request has a time limit of its own. After it the request
 * stands: a kernel that was held by C code reads it when it is free, and `late` hears its answer then.
 */
import { type Kernel, KernelMessage } from '@jupyterlab/services';

export const TIMEOUT_MS = 3000;

/** `ms` is from the request to the answer, or to our giving up on it. */
export interface Answer {
  readonly outcome: 'halted' | 'already' | 'refused' | 'silent';
  readonly ms: number;
  /** The kernel's own words, to be shown as text. */
  readonly reason: string;
}

/** Ask the kernel to halt. Resolves in `timeoutMs` at the latest; never rejects. */
export function requestHalt(
  kernel: Kernel.IKernelConnection,
  late: (answer: Answer) => void,
  timeoutMs = TIMEOUT_MS
): Promise<Answer> {
  const sent = performance.now();
  const after = (outcome: Answer['outcome'], reason = ''): Answer => ({ outcome, ms: Math.round(performance.now() - sent), reason });
  return new Promise(resolve => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      resolve(after('silent'));
    }, timeoutMs);
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    try {
      const future = kernel.sendControlMessage(request(kernel), true, true);
      future.onReply = reply => (timedOut ? late : settle)(after(...read(reply.content as unknown as Reply)));
      future.done.catch(() => settle(after('refused', 'the kernel went away before it answered')));
    } catch (error) {
      settle(after('refused', String(error)));
    }
  });
}

/** What the protocol promises; what comes is checked. */
interface Reply {
  readonly status?: unknown;
  readonly halted?: unknown;
  readonly already?: unknown;
  readonly reason?: unknown;
  readonly ename?: unknown;
  readonly evalue?: unknown;
}

function read(reply: Reply): [Answer['outcome'], string] {
  if (reply.status === 'ok' && reply.halted === true) {
    return [reply.already === true ? 'already' : 'halted', String(reply.reason ?? '')];
  }
  return ['refused', `${String(reply.ename ?? 'Error')}: ${String(reply.evalue ?? 'the kernel did not say that it halted')}`];
}

function request(kernel: Kernel.IKernelConnection): KernelMessage.IControlMessage {
  const options = {
    channel: 'control',
    msgType: 'quantlab_halt_request',
    session: kernel.clientId,
    username: kernel.username,
    content: { reason: 'HALT from JupyterLab (shortcut or palette)' }
  };
  // The types of @jupyterlab/services list Jupyter's own messages only.
  return KernelMessage.createMessage(options as never) as KernelMessage.IMessage as KernelMessage.IControlMessage;
}
