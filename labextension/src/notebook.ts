/**
 * One open notebook that is followed: its link, its document, its chips, and what a person asks of it.
 * Must not know the side panel or the menus.
 */
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { ISignal, Signal } from '@lumino/signaling';
import { Chips } from './cells/chips';
import { writeOutput } from './cells/outputs';
import { savedPipeline } from './cells/saved';
import { Link } from './client';
import { NotebookDocument } from './document';
import type { Action, Attempt, CacheSizes, Verb } from './model';
import { Notices, Wanted } from './notices';

/** What takes time to make again is removed only after a word of warning. */
const WARNINGS: Readonly<Partial<Record<Verb, { title: string; body: string; words: string }>>> = {
  cache_delete: {
    title: 'Clear cached results?',
    body: 'All cached results of this task are removed. It runs again when something needs them.',
    words: 'Clear'
  },
  cache_prune: {
    title: 'Prune the cache?',
    body:
      'Results that were not used for long, or are beyond the quota, are removed, with what killed kernels left behind. ' +
      'What open notebooks use stays, and what is pinned.',
    words: 'Prune'
  }
};

const LOAD = '%load_ext prefect_jupyter';

export interface Preferences {
  readonly chips: boolean;
  readonly notifications: Wanted;
}

export class FollowedNotebook {
  readonly link: Link;
  private readonly document: NotebookDocument;
  private readonly chips: Chips;
  private readonly notices: Notices;
  private readonly _answered = new Signal<this, string>(this);

  constructor(
    readonly panel: NotebookPanel,
    private preferences: Preferences,
    /** Two views of one notebook share its cells: what comes once for each link is done by the first alone. */
    isFirst: () => boolean
  ) {
    const model = panel.context.model;
    this.document = new NotebookDocument(model, () => void this.link.flush());
    this.link = new Link(panel.sessionContext, this.document, model.collaborative ?? false);
    this.chips = new Chips(panel.content, action => void this.act(action));
    this.chips.setShown(preferences.chips);
    this.notices = new Notices(action => void this.act(action), cell => void this.reveal(cell));
    this.link.changed.connect((link, changed) => {
      this.chips.update(link.pipeline, changed);
      this.notices.update(link.pipeline);
    });
    this.link.printed.connect((_, message) => isFirst() && writeOutput(model, message));
    this.link.noticed.connect((_, message) => isFirst() && this.notices.tell(message, this.preferences.notifications));
    NotebookActions.executionScheduled.connect(this.scheduled, this);
    const saved = savedPipeline(model);
    if (saved !== null) {
      this.link.recall(saved);
    }
  }

  /** The kernel acknowledged a command with these words. */
  get answered(): ISignal<this, string> {
    return this._answered;
  }

  prefer(preferences: Preferences): void {
    this.preferences = preferences;
    this.chips.setShown(preferences.chips);
  }

  /** Do what a person asked for; a refusal is shown wherever they look. */
  async act({ verb, tasks }: Action): Promise<void> {
    if (verb === 'reveal') {
      const node = this.link.pipeline.nodes.find(each => each.id === tasks[0]);
      return node && this.reveal(node.cell);
    }
    if (!(await this.isMeant(verb))) {
      return;
    }
    const { ok, text } = await this.link.send(verb, tasks);
    this._answered.emit(ok ? text : '');
    if (!ok) {
      Notification.error(text, { autoClose: 10_000 });
    }
  }

  /** All reasons for the verdict on a task, as `%flow why` prints them; empty when the kernel does not answer. */
  async why(task: string): Promise<string> {
    const { ok, text } = await this.link.send('why', [task]);
    return ok ? text : '';
  }

  /** What is cached, of this notebook's tasks and in all; null when the kernel does not answer. */
  async cached(): Promise<CacheSizes | null> {
    const { ok, detail } = await this.link.send('cache', []);
    return ok ? (detail as CacheSizes | null) : null;
  }

  /** The last attempts of a task, newest first; none when the kernel does not answer. */
  async attempts(task: string): Promise<readonly Attempt[]> {
    const { ok, detail } = await this.link.send('history', [task]);
    return ok && Array.isArray(detail) ? (detail as readonly Attempt[]) : [];
  }

  private async isMeant(verb: Verb): Promise<boolean> {
    const warning = WARNINGS[verb];
    if (!warning) {
      return true;
    }
    const { title, body, words } = warning;
    const buttons = [Dialog.cancelButton(), Dialog.warnButton({ label: words })];
    return (await showDialog({ title, body, buttons, defaultButton: 0 })).button.accept;
  }

  async reveal(cellId: string): Promise<void> {
    const { content } = this.panel;
    const index = content.widgets.findIndex(cell => cell.model.id === cellId);
    if (index < 0) {
      Notification.info('The cell of this task is no longer in the notebook.', { autoClose: 5_000 });
      return;
    }
    content.deselectAll();
    content.activeCellIndex = index;
    await content.scrollToItem(index, 'smart');
    this.panel.activate();
  }

  /** Run the cell that loads the extension, after writing it at the top where there is none. */
  async load(): Promise<void> {
    const { content, sessionContext } = this.panel;
    const isLoading = (text: string) => text.split('\n').some(line => line.trim() === LOAD);
    let cell = content.widgets.find(each => each.model.type === 'code' && isLoading(each.model.sharedModel.getSource()));
    if (!cell) {
      content.activeCellIndex = 0;
      NotebookActions.insertAbove(content);
      cell = content.activeCell ?? undefined;
      cell?.model.sharedModel.setSource(LOAD);
    }
    if (cell) {
      await NotebookActions.runCells(content, [cell], sessionContext);
    }
  }

  dispose(): void {
    NotebookActions.executionScheduled.disconnect(this.scheduled, this);
    this.chips.dispose();
    this.notices.dispose();
    this.link.dispose();
    this.document.dispose();
    Signal.clearData(this);
  }

  /** Just before a cell is sent to the kernel: it must not run against yesterday's document. */
  private scheduled(_: unknown, { notebook }: { notebook: unknown }): void {
    if (notebook === this.panel.content) {
      void this.link.flush();
    }
  }
}
