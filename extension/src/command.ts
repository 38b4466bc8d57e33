/** The command quantlab:halt: palette, Kernel menu and shortcut lead here, and the answer is shown. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { type Answer, requestHalt } from './halt.js';

const HALT = 'quantlab:halt';
const STAYS = false;
const GOES_MS = 10_000;

/** What the command resolves to. `ms` is null where nothing was sent. */
interface Result {
  readonly ok: boolean;
  readonly ms: number | null;
  readonly text: string;
}

function sentence({ outcome, ms, reason }: Answer): string {
  switch (outcome) {
    case 'halted':
      return `HALTED after ${ms} ms: no new order leaves; what is open is being cancelled`;
    case 'already':
      return `Was halted already${reason ? `: ${reason}` : ''} (answered after ${ms} ms)`;
    case 'refused':
      return `HALT failed: ${reason}. In a terminal: quantlab halt`;
    case 'silent':
      return 'No answer in 3 s. The kernel may be held by C code, or has no quantlab engine. In a terminal: quantlab halt';
  }
}

/** Always sends, whatever we believe about the engine: a HALT too many does no harm. */
async function halt(notebooks: INotebookTracker): Promise<Result> {
  const kernel = notebooks.currentWidget?.sessionContext.session?.kernel;
  if (!kernel || kernel.status === 'dead') {
    const text = 'No kernel: nothing to halt';
    Notification.warning(text, { autoClose: GOES_MS });
    return { ok: false, ms: null, text };
  }
  const id = Notification.emit('HALT sent…', 'in-progress', { autoClose: STAYS });
  const show = (answer: Answer): Result => {
    const ok = answer.outcome === 'halted' || answer.outcome === 'already';
    const text = sentence(answer);
    Notification.update({ id, message: text, type: ok ? 'success' : 'error', autoClose: ok ? GOES_MS : STAYS });
    return { ok, ms: answer.ms, text };
  };
  return show(await requestHalt(kernel, show));
}

export const command: JupyterFrontEndPlugin<void> = {
  id: 'quantlab:plugin',
  description: "Halts the quantlab engine in the current notebook's kernel.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette],
  activate: ({ commands }, notebooks: INotebookTracker, palette: ICommandPalette | null) => {
    commands.addCommand(HALT, {
      label: 'quantlab: HALT (stop new orders, cancel open ones)',
      caption: "Ask the engine in the current notebook's kernel to halt; works while a cell runs",
      describedBy: { args: { type: 'object', properties: {}, additionalProperties: true } },
      execute: () => halt(notebooks)
    });
    palette?.addItem({ command: HALT, category: 'quantlab' });
  }
};
