/** Wires the extension into JupyterLab; it must hold no logic of its own. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { LabIcon } from '@jupyterlab/ui-components';
import { addCommands } from './commands';
import { Followers } from './followers';
import { graphRenderer } from './mime';
import { PipelinePanel } from './panel/panel';
import { DEFAULTS, settingsOf } from './settings';
import pipelineSvg from './pipeline-icon';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'prefect-jupyter:plugin',
  description: 'Shows and runs the tasks of notebooks.',
  autoStart: true,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    renderers: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null
  ): void => {
    const followers = new Followers(tracker, DEFAULTS);
    const panel = new PipelinePanel();
    panel.title.icon = new LabIcon({ name: 'prefect-jupyter:pipeline', svgstr: pipelineSvg });
    app.shell.add(panel, 'right', { rank: 600, type: 'Pipeline' });
    followers.changed.connect(({ current }) => panel.follow(current));
    renderers.addFactory(graphRenderer(followers), 0);
    addCommands(app, tracker, followers, panel, palette);
    void registry?.load(plugin.id).then(registered => {
      const apply = (): void => {
        const settings = settingsOf(registered);
        followers.prefer(settings);
        panel.form = settings.form;
      };
      registered.changed.connect(apply);
      apply();
    });
  }
};

export default [plugin];
