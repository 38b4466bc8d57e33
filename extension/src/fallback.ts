/**
 * The saved table of a quantlab widget in place of "model not found".
 *
 * JupyterLab does not save widget state unless told to, so a reopened notebook holds a view of a model that
 * is gone. The same output holds a static table; it is shown then, and said to be saved. Bundles without
 * our table, and widgets that do render, are left alone.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';

const VIEW = 'application/vnd.jupyter.widget-view+json';
const HTML = 'text/html';
const HEADLINE = 'Saved snapshot: nothing here is live. Run the cell to see the venue now.';
/** What ipywidgets writes where it has no model or no view for it, and before it has looked. */
const FAILED = /^Error displaying widget/;
const LOADING = /^Loading widget/;
/** Time for a view that needs no kernel to appear. */
const PATIENCE_MS = 500;

/**
 * Watch the widget renderers that one notebook makes.
 *
 * ipywidgets puts in a new factory whenever its manager is ready, and looks for its own renderers by class:
 * so the renderer stays its own, and the making of it is what we stand in.
 */
function watch({ content, sessionContext, disposed }: NotebookPanel): void {
  const { rendermime } = content;
  const make = rendermime.createRenderer.bind(rendermime);
  rendermime.createRenderer = type => {
    const renderer = make(type);
    return type === VIEW && renderer instanceof Panel ? guard(renderer) : renderer;
  };
  disposed.connect(() => {
    rendermime.createRenderer = make;
  });

  /** Resolves where no kernel runs: ipywidgets then waits for ever. */
  async function orphaned(): Promise<true> {
    await sessionContext.ready;
    await new Promise(resolve => sessionContext.session?.kernel || setTimeout(resolve, PATIENCE_MS));
    return true;
  }

  function guard<R extends Panel & IRenderMime.IRenderer>(renderer: R): R {
    const render = renderer.renderModel.bind(renderer);
    let saved: Panel | null = null;
    let latest = 0;
    renderer.renderModel = async model => {
      const turn = ++latest;
      saved?.dispose();
      saved = null;
      const rendered = render(model);
      const html = ours(model.data[HTML]);
      if (html === null) {
        return rendered;
      }
      const orphan = await Promise.race([rendered.then(() => false), orphaned()]);
      const sign = orphan ? LOADING : FAILED;
      const drawn = sign.test(renderer.node.textContent ?? '') ? await table(html) : null;
      if (drawn !== null && turn === latest && !renderer.isDisposed) {
        renderer.node.textContent = '';
        renderer.addWidget(drawn);
        saved = drawn;
      }
    };
    return renderer;
  }

  /** Drawn by the notebook's own HTML renderer, as untrusted: it is sanitised. */
  async function table(html: string): Promise<Panel> {
    const panel = new Panel();
    panel.addClass('ql-Saved');
    const headline = new Widget({ node: document.createElement('p') });
    headline.node.textContent = HEADLINE;
    const body = make(HTML);
    await body.renderModel(rendermime.createModel({ data: { [HTML]: html }, trusted: false }));
    panel.addWidget(headline);
    panel.addWidget(body);
    return panel;
  }
}

/** The HTML of a bundle if it is ours. Parsed in a document of its own, where nothing runs or loads. */
function ours(data: unknown): string | null {
  const html = Array.isArray(data) ? data.join('') : data;
  if (typeof html !== 'string' || !html.includes('quantlab')) {
    return null;
  }
  return new DOMParser().parseFromString(html, HTML).querySelector('.quantlab') ? html : null;
}

export const fallback: JupyterFrontEndPlugin<void> = {
  id: 'quantlab:fallback',
  description: 'Shows the saved table of a quantlab widget whose model is gone.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_, notebooks: INotebookTracker) => {
    notebooks.forEach(watch);
    notebooks.widgetAdded.connect((_, panel) => watch(panel));
  }
};
