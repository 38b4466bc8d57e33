/** The status-bar item: a button with the state of the engine in the current notebook's kernel. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { Widget } from '@lumino/widgets';
import { view, type Look, type View } from './state.js';
import { EngineTracker } from './tracker.js';

/** How often the age of the last heartbeat is looked at; the clock is the browser's own. */
const TICK_MS = 250;
/** Sentences in the tooltip; the dialog has all. */
const TOOLTIP_LINES = 3;
/** A shape for each look, so that colour is never the only sign. */
const GLYPHS: Readonly<Record<Look, string>> = {
  none: '○', good: '●', waiting: '◔', warning: '▲', bad: '✖', halted: '■', stale: '◆'
};

class StatusItem extends Widget {
  private readonly button = this.node.appendChild(document.createElement('button'));
  private readonly glyph = this.button.appendChild(document.createElement('span'));
  private readonly line = this.button.appendChild(document.createElement('span'));
  private readonly announcer = this.node.appendChild(document.createElement('span'));
  private readonly timer = setInterval(() => this.refresh(), TICK_MS);

  constructor(private readonly engines: EngineTracker) {
    super();
    this.addClass('ql-Status');
    this.button.type = 'button';
    this.button.className = 'ql-Status-button jp-mod-highlighted';
    this.glyph.className = 'ql-Status-glyph';
    this.glyph.ariaHidden = 'true';
    this.announcer.className = 'ql-Status-announcer';
    this.announcer.setAttribute('role', 'status');
    this.announcer.ariaLive = 'polite';
    this.button.addEventListener('click', () => void this.explain());
    engines.changed.connect(this.refresh, this);
    this.refresh();
  }

  override dispose(): void {
    clearInterval(this.timer);
    this.engines.changed.disconnect(this.refresh, this);
    super.dispose();
  }

  private look(): View {
    return view(this.engines.current(performance.now()));
  }

  /** Writes to the page only what is new; a reader's voice speaks only when the state's word is new. */
  private refresh(): void {
    const { look, word, line, details } = this.look();
    if (this.line.textContent !== line) {
      this.line.textContent = line;
      this.button.ariaLabel = `${line}. Press for the reasons.`;
    }
    if (this.node.dataset['look'] !== look) {
      this.node.dataset['look'] = look;
      this.glyph.textContent = GLYPHS[look];
    }
    if (this.announcer.textContent !== `quantlab: ${word}`) {
      this.announcer.textContent = `quantlab: ${word}`;
    }
    const title = details.slice(0, TOOLTIP_LINES).join('\n');
    if (this.button.title !== title) {
      this.button.title = title;
    }
  }

  private async explain(): Promise<void> {
    const { line, details } = this.look();
    const body = new Widget();
    body.addClass('ql-Details');
    for (const sentence of details) {
      body.node.appendChild(document.createElement('p')).textContent = sentence;
    }
    await showDialog({ title: line, body, buttons: [Dialog.okButton({ label: 'Close' })] });
  }
}

export const status: JupyterFrontEndPlugin<void> = {
  id: 'quantlab:status',
  description: "Shows the state of the quantlab engine in the current notebook's kernel.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IStatusBar],
  activate: (_, notebooks: INotebookTracker, statusBar: IStatusBar | null) => {
    if (statusBar !== null) {
      const item = new StatusItem(new EngineTracker(notebooks));
      statusBar.registerStatusItem('quantlab:status', { item, align: 'left', rank: 50, priority: 1 });
    }
  }
};
