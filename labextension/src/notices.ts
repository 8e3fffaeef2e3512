/**
 * What the kernel wants to tell the person, as notifications with buttons.
 * Must not act by itself.
 */
import { Notification } from '@jupyterlab/apputils';
import { countOf } from './graph/format';
import { toneOf } from './graph/status';
import type { Action, Pipeline, Verb } from './model';
import type { NoticeMessage } from './protocol';

export type Wanted = 'all' | 'errors' | 'none';

const BRIEF_MS = 6_000;

/** More failures than this share a notification: one for each would cover the page. */
const APART_MAX = 2;

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
  /** Failed tasks that share one notification, by id with what was said of each. */
  private readonly together = new Map<string, NoticeMessage>();
  private shared: string | null = null;

  constructor(
    private readonly act: (action: Action) => void,
    private readonly reveal: (cell: string) => void
  ) {}

  tell(notice: NoticeMessage, wanted: Wanted): void {
    if (wanted === 'none' || (wanted === 'errors' && notice.level !== 'error')) {
      return;
    }
    const { task, level } = notice;
    if (task === null || level !== 'error') {
      this.emit(notice);
      return;
    }
    this.dismiss(task);
    if (this.together.size > 0 || this.shown.size >= APART_MAX) {
      this.together.set(task, notice);
      this.tellTogether(true);
    } else {
      this.shown.set(task, this.emit(notice));
    }
  }

  /** Take away what was said of failures that are over. */
  update({ nodes, rows }: Pipeline): void {
    if (this.shown.size + this.together.size > 0) {
      const failed = new Set(nodes.filter((_, i) => toneOf(rows[i].state) === 'failed').map(node => node.id));
      const over = [...this.shown.keys(), ...this.together.keys()].filter(task => !failed.has(task));
      over.forEach(task => this.dismiss(task));
      if (over.length > 0) {
        this.tellTogether(false);
      }
    }
  }

  dispose(): void {
    [...this.shown.keys(), ...this.together.keys()].forEach(task => this.dismiss(task));
    this.tellTogether(false);
  }

  private emit(notice: NoticeMessage): string {
    const actions = this.actions(notice);
    const stays = notice.level === 'error' || actions.length > 1;
    return Notification.emit(notice.text, notice.level, { actions, autoClose: stays ? false : BRIEF_MS });
  }

  /** One notification for the failures beyond the first few, none when these are over; only news brings it back. */
  private tellTogether(isNews: boolean): void {
    const last = [...this.together.values()].at(-1);
    if (last === undefined) {
      if (this.shared !== null) {
        Notification.dismiss(this.shared);
        this.shared = null;
      }
      return;
    }
    const { size } = this.together;
    const text = size > 1 ? `${countOf(size, 'more task')} failed, the last: ${last.text}` : last.text;
    const notice = { ...last, text, task: null };
    const isShown =
      this.shared !== null &&
      Notification.update({ id: this.shared, message: text, type: 'error', actions: this.actions(notice), autoClose: false });
    if (!isShown && isNews) {
      this.shared = this.emit(notice);
    }
  }

  private dismiss(task: string): void {
    this.together.delete(task);
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
