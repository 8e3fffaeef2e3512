/** Wires the extension into JupyterLab; it must hold no logic of its own. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'prefect-jupyter:plugin',
  description: 'Follows the notebooks of this page.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, tracker: INotebookTracker): void => {
    tracker.widgetAdded.connect((_, panel) => panel.addClass('pj-notebook'));
  }
};

export default [plugin];
