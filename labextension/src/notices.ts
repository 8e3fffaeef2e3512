/**
 * What the kernel wants to tell the person, as notifications with buttons.
 * Must not act by itself.
 */
import { Notification } from '@jupyterlab/apputils';
import { toneOf } from './graph/status';
import type { Action, Pipeline, Verb } from './model';
import type { NoticeMessage } from './protocol';

export type Wanted = 'all' | 'errors' | 'none';

const BRIEF_MS = 6_000;
const WORDS: Readonly<Partial<Record<Verb, string>>> = {
  run: 'Run',
  rerun: 'Rerun',
  run_from: 'Run from here',
  retry_failed: 'Retry failed',
  cancel: 'Cancel'
};

/** The notices of one notebook. A task has one at a time, and it goes when the task is no longer what it says. */
export class Notices {
  private readonly shown = new Map<string, string>();

  constructor(
    private readonly act: (action: Action) => void,
    private readonly reveal: (cell: string) => void
  ) {}

  tell(notice: NoticeMessage, wanted: Wanted): void {
    if (wanted === 'none' || (wanted === 'errors' && notice.level !== 'error')) {
      return;
    }
    const actions = this.actions(notice);
    const stays = notice.level === 'error' || actions.length > 1;
    const id = Notification.emit(notice.text, notice.level, { actions, autoClose: stays ? false : BRIEF_MS });
    if (notice.task !== null && notice.level === 'error') {
      this.dismiss(notice.task);
      this.shown.set(notice.task, id);
    }
  }

  /** Take away what was said of failures that are over. */
  update({ nodes, rows }: Pipeline): void {
    if (this.shown.size > 0) {
      const failed = new Set(nodes.filter((_, i) => toneOf(rows[i].state) === 'failed').map(node => node.id));
      [...this.shown.keys()].filter(task => !failed.has(task)).forEach(task => this.dismiss(task));
    }
  }

  dispose(): void {
    [...this.shown.keys()].forEach(task => this.dismiss(task));
  }

  private dismiss(task: string): void {
    const id = this.shown.get(task);
    if (id !== undefined) {
      Notification.dismiss(id);
      this.shown.delete(task);
    }
  }

  private actions({ task, cell, verbs }: NoticeMessage): Notification.IAction[] {
    const tasks = task === null ? [] : [task];
    const actions: Notification.IAction[] = [];
    for (const verb of verbs as readonly Verb[]) {
      const label = WORDS[verb];
      if (label) {
        actions.push({ label, displayType: 'accent', callback: () => this.act({ verb, tasks }) });
      }
    }
    if (cell !== null) {
      actions.push({ label: 'Show cell', callback: () => this.reveal(cell) });
    }
    return actions;
  }
}
