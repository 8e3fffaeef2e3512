/**
 * What can be asked by menu, palette and key, for the notebook in front.
 * Must not hold state.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { Followers } from './followers';
import { verbsFor } from './graph/status';
import type { Verb } from './model';
import type { PipelinePanel } from './panel/panel';

const CATEGORY = 'Pipeline';
const NOTHING = { args: { type: 'object', properties: {}, additionalProperties: false } } as const;
const A_CELL = { args: { type: 'object', properties: { cellId: { type: 'string' } } } } as const;

const OF_ALL: ReadonlyArray<{ id: string; label: string; caption: string; verb: Verb }> = [
  { id: 'run-stale', label: 'Run Stale Tasks', caption: 'Run every task that is not up to date', verb: 'run' },
  { id: 'retry-failed', label: 'Retry Failed Tasks', caption: 'Run what failed and what that blocked', verb: 'retry_failed' },
  { id: 'cancel', label: 'Cancel Running Tasks', caption: 'Cancel the run', verb: 'cancel' },
  { id: 'prune-cache', label: 'Prune the Cache', caption: 'Remove what is beyond the quota or was not used for long', verb: 'cache_prune' }
];

const OF_ONE: ReadonlyArray<{ id: string; label: string; caption: string; verb: Verb }> = [
  { id: 'rerun-task', label: 'Rerun Task', caption: 'Run the task of this cell again', verb: 'rerun' },
  { id: 'run-from-task', label: 'Run from Here', caption: 'Run the task of this cell and what depends on it', verb: 'run_from' },
  { id: 'retry-task', label: 'Retry Failed Task', caption: 'Run the failed task of this cell again', verb: 'retry_failed' },
  { id: 'cancel-task', label: 'Cancel Task', caption: 'Cancel the task of this cell', verb: 'cancel' },
  { id: 'resume-task', label: 'Resume Task', caption: 'Let the paused task of this cell go on', verb: 'resume' },
  { id: 'retry-task-now', label: 'Retry Task Now', caption: 'Try the task of this cell again without waiting any longer', verb: 'retry_now' },
  { id: 'run-to-task', label: 'Run to Here', caption: 'Run the task of this cell and what it needs, where they are not fresh', verb: 'run' },
  { id: 'skip-task', label: 'Skip Task', caption: 'Skip the task of this cell and what needs it', verb: 'skip' },
  { id: 'unskip-task', label: 'Do Not Skip Task', caption: 'Let the task of this cell run again', verb: 'unskip' },
  { id: 'accept-task', label: 'Accept as Unchanged', caption: 'The result stands until its text or an input changes again', verb: 'accept' },
  { id: 'pin-task', label: 'Pin Result', caption: 'The result stays, whatever changes', verb: 'pin' },
  { id: 'unpin-task', label: 'Unpin Result', caption: 'Take back what was pinned or accepted', verb: 'unpin' }
];

export function addCommands(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  followers: Followers,
  panel: PipelinePanel,
  palette: ICommandPalette | null
): void {
  const { commands } = app;
  const add = (id: string, options: Parameters<typeof commands.addCommand>[1]): void => {
    const command = `prefect-jupyter:${id}`;
    commands.addCommand(command, options);
    palette?.addItem({ command, category: CATEGORY });
  };
  add('show', {
    label: 'Show Pipeline',
    caption: 'Show the tasks of the notebook in the side panel',
    describedBy: NOTHING,
    execute: () => app.shell.activateById(panel.id)
  });
  add('toggle-form', {
    label: () => (panel.form === 'list' ? 'Show Pipeline as Graph' : 'Show Pipeline as List'),
    describedBy: NOTHING,
    execute: () => {
      panel.form = panel.form === 'list' ? 'graph' : 'list';
      app.shell.activateById(panel.id);
    }
  });
  add('load', {
    label: 'Load prefect_jupyter',
    caption: 'Run %load_ext prefect_jupyter in the kernel of the notebook',
    describedBy: NOTHING,
    isEnabled: () => followers.current?.link.presence === 'not-loaded',
    execute: () => followers.current?.load()
  });
  for (const { id, label, caption, verb } of OF_ALL) {
    add(id, {
      label,
      caption,
      describedBy: NOTHING,
      isEnabled: () => followers.current?.link.pipeline.connected ?? false,
      execute: () => followers.current?.act({ verb, tasks: [] })
    });
  }
  const taskOf = (cellId: unknown): number => {
    const cell = typeof cellId === 'string' ? cellId : tracker.activeCell?.model.id;
    return followers.current?.link.pipeline.nodes.findIndex(node => node.cell === cell) ?? -1;
  };
  for (const { id, label, caption, verb } of OF_ONE) {
    add(id, {
      label,
      caption,
      describedBy: A_CELL,
      isEnabled: ({ cellId }) => {
        const pipeline = followers.current?.link.pipeline;
        const row = pipeline?.rows[taskOf(cellId)];
        return row !== undefined && (pipeline?.connected ?? false) && verbsFor(row).has(verb);
      },
      execute: ({ cellId }) => {
        const node = followers.current?.link.pipeline.nodes[taskOf(cellId)];
        return node && followers.current?.act({ verb, tasks: [node.id] });
      }
    });
  }
}
