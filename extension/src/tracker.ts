/**
 * Which engine the reader looks at: that of the current notebook's kernel, and what it said last.
 *
 * Every open notebook is heard, so that a switch shows at once what is true there, and nothing of one
 * notebook can be taken for another's. It only listens: nothing is ever sent to a kernel from here.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { KernelMessage } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { readSnapshot, type Snapshot } from './snapshot.js';
import type { Heard } from './state.js';

/** Kernel and browsers agree on this id; there is never a comm_open. */
const COMM_ID = 'quantlab.status';
/** What a kernel said does not outlive it. */
const BETWEEN_LIVES: readonly KernelMessage.Status[] = ['starting', 'restarting', 'autorestarting', 'terminating', 'dead'];

export class EngineTracker {
  /** Something that may change what is shown has happened. */
  readonly changed = new Signal<this, void>(this);
  private readonly heard = new WeakMap<ISessionContext, { snapshot: Snapshot; at: number }>();

  constructor(private readonly notebooks: INotebookTracker) {
    notebooks.forEach(panel => this.follow(panel));
    notebooks.widgetAdded.connect((_, panel) => this.follow(panel));
    notebooks.currentChanged.connect(() => this.changed.emit());
  }

  /** What is known of the current notebook at `now`, a reading of `performance.now()`. */
  current(now: number): Heard {
    const context = this.notebooks.currentWidget?.sessionContext;
    const last = context && this.heard.get(context);
    return {
      kernel: context?.session?.kernel?.status ?? null,
      snapshot: last?.snapshot ?? null,
      ageMs: last ? now - last.at : 0
    };
  }

  /** The session context ends its own signals with the notebook. */
  private follow({ sessionContext }: NotebookPanel): void {
    sessionContext.iopubMessage.connect(this.onMessage, this);
    sessionContext.kernelChanged.connect(this.forget, this);
    sessionContext.statusChanged.connect(this.onStatus, this);
  }

  private onMessage(context: ISessionContext, message: KernelMessage.IMessage): void {
    if (!KernelMessage.isCommMsgMsg(message) || message.content.comm_id !== COMM_ID) {
      return;
    }
    const snapshot = readSnapshot(message.content.data);
    const status = context.session?.kernel?.status;
    if (snapshot !== null && status !== undefined && !BETWEEN_LIVES.includes(status)) {
      this.heard.set(context, { snapshot, at: performance.now() });
      this.changed.emit();
    }
  }

  private onStatus(context: ISessionContext, status: KernelMessage.Status): void {
    if (BETWEEN_LIVES.includes(status)) {
      this.forget(context);
    }
  }

  private forget(context: ISessionContext): void {
    this.heard.delete(context);
    this.changed.emit();
  }
}
