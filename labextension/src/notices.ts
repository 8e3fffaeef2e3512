/**
 * What the kernel wants to tell the person, as notifications with buttons.
 * Must not act by itself.
 */
import { Notification } from '@jupyterlab/apputils';
import type { Action, Verb } from './model';
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

export function notify(
  notice: NoticeMessage,
  wanted: Wanted,
  act: (action: Action) => void,
  reveal: (cell: string) => void
): void {
  if (wanted === 'none' || (wanted === 'errors' && notice.level !== 'error')) {
    return;
  }
  const tasks = notice.task === null ? [] : [notice.task];
  const actions: Notification.IAction[] = [];
  for (const verb of notice.verbs as readonly Verb[]) {
    const label = WORDS[verb];
    if (label) {
      actions.push({ label, displayType: 'accent', callback: () => act({ verb, tasks }) });
    }
  }
  const { cell } = notice;
  if (cell !== null) {
    actions.push({ label: 'Show cell', callback: () => reveal(cell) });
  }
  const stays = notice.level === 'error' || actions.length > 1;
  Notification.emit(notice.text, notice.level, { actions, autoClose: stays ? false : BRIEF_MS });
}
