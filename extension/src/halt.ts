/**
 * HALT on the control channel, the one that is served while a cell blocks.
 *
 * A kernel without quantlab never answers, so a request has a time limit of its own. After it the request
 * stands: a kernel that was held by C code reads it when it is free, and `late` hears its answer then.
 */
import { type Kernel, KernelMessage } from '@jupyterlab/services';
import { type Answer, readReply } from './answer.js';

const TIMEOUT_MS = 3000;

/** Ask the kernel to halt. Resolves in `TIMEOUT_MS` at the latest; never rejects. */
export function requestHalt(kernel: Kernel.IKernelConnection, late: (answer: Answer) => void): Promise<Answer> {
  const sent = performance.now();
  const after = (what: Pick<Answer, 'outcome' | 'reason'>): Answer => ({ ...what, ms: Math.round(performance.now() - sent) });
  return new Promise(resolve => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      resolve(after({ outcome: 'silent', reason: '' }));
    }, TIMEOUT_MS);
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    const refuse = (reason: string): void => settle(after({ outcome: 'refused', reason }));
    try {
      const future = kernel.sendControlMessage(request(kernel), true, true);
      future.onReply = ({ content }) => (timedOut ? late : settle)(after(readReply(content)));
      future.done.catch(() => refuse('the kernel went away before it answered'));
    } catch (error) {
      refuse(String(error));
    }
  });
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
