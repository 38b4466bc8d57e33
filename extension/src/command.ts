/** The command quantlab:halt: palette, Kernel menu and shortcut lead here, and the answer is shown. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { type Answer, isHalted, sentence } from './answer.js';
import { requestHalt } from './halt.js';

const HALT = 'quantlab:halt';
const STAYS = false;
const GOES_MS = 10_000;
/** An answer before that is shown alone: a note that changes while it appears may miss the change. */
const SLOW_MS = 300;

/** What the command resolves to. `ms` is null where nothing was sent. */
interface Result {
  readonly ok: boolean;
  readonly ms: number | null;
  readonly text: string;
}

/** Always sends, whatever we believe about the engine: a HALT too many does no harm. */
async function halt(notebooks: INotebookTracker): Promise<Result> {
  const kernel = notebooks.currentWidget?.sessionContext.session?.kernel;
  if (!kernel || kernel.status === 'dead') {
    const text = 'No kernel: nothing to halt';
    Notification.warning(text, { autoClose: GOES_MS });
    return { ok: false, ms: null, text };
  }
  let id: string | null = null;
  const timer = setTimeout(() => {
    id = Notification.emit('HALT sent…', 'in-progress', { autoClose: STAYS });
  }, SLOW_MS);
  const show = (answer: Answer): Result => {
    clearTimeout(timer);
    const ok = isHalted(answer);
    const text = sentence(answer);
    const type = ok ? 'success' : 'error';
    const autoClose = ok ? GOES_MS : STAYS;
    if (id === null) {
      id = Notification.emit(text, type, { autoClose });
    } else {
      Notification.update({ id, message: text, type, autoClose });
    }
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
