import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Action } from '../src/model';
import { Notices, Wanted } from '../src/notices';
import { EMPTY, Stream, reduce } from '../src/reducer';
import { SNAP } from './kernel';
import type { NoticeMessage } from '../src/protocol';

interface Emitted {
  text: string;
  level: string;
  autoClose: number | false;
  actions: { label: string; callback: () => void }[];
}

const { emitted, dismissed, updated } = vi.hoisted(() => ({
  emitted: [] as Emitted[],
  dismissed: [] as string[],
  updated: [] as { id: string; text: string; actions: Emitted['actions'] }[]
}));

vi.mock('@jupyterlab/apputils', () => ({
  Notification: {
    emit: (text: string, level: string, options: Omit<Emitted, 'text' | 'level'>) =>
      `notice ${emitted.push({ text, level, ...options })}`,
    update: ({ id, message, actions }: { id: string; message: string; actions: Emitted['actions'] }) => {
      updated.push({ id, text: message, actions });
      return !dismissed.includes(id);
    },
    dismiss: (id: string) => dismissed.push(id)
  }
}));

const FAILED: NoticeMessage = {
  type: 'notice', level: 'error', text: 'clean failed', task: 't2', cell: 'cell-2', verbs: ['retry_failed', 'unknown']
};
const INFO: NoticeMessage = { type: 'notice', level: 'info', text: 'hi', task: null, cell: null, verbs: [] };
let acts: Action[];
let shown: string[];

let notices: Notices;
const FLIGHTS = (reduce({ pipeline: EMPTY, seq: null, changed: null }, SNAP, 0) as Stream).pipeline;
const tell = (notice: NoticeMessage, wanted: Wanted = 'all') => notices.tell(notice, wanted);

beforeEach(() => {
  emitted.length = dismissed.length = updated.length = 0;
  notices = new Notices(action => acts.push(action), cell => shown.push(cell));
  acts = [];
  shown = [];
});

test('a failure stays until it is dismissed, with a button for each verb that the page knows', () => {
  tell(FAILED);

  expect(emitted[0]).toMatchObject({ text: 'clean failed', level: 'error', autoClose: false });
  expect(emitted[0].actions.map(action => action.label)).toEqual(['Retry failed', 'Show cell']);
});

test('the buttons act on the task of the notice', () => {
  tell(FAILED);
  emitted[0].actions.forEach(action => action.callback());

  expect(acts).toEqual([{ verb: 'retry_failed', tasks: ['t2'] }]);
  expect(shown).toEqual(['cell-2']);
});

test('news goes by itself and has no buttons', () => {
  tell(INFO);

  expect(emitted[0].autoClose).toBeGreaterThan(0);
  expect(emitted[0].actions).toEqual([]);
});

test.each([
  ['all', 2],
  ['errors', 1],
  ['none', 0]
] as [Wanted, number][])('who wants %s gets %d of two', (wanted, count) => {
  tell(FAILED, wanted);
  tell(INFO, wanted);

  expect(emitted).toHaveLength(count);
});

test('what is said of a failure goes when the task is no longer failed', () => {
  tell(FAILED);
  notices.update(FLIGHTS);
  expect(dismissed).toEqual([]);

  notices.update({ ...FLIGHTS, rows: FLIGHTS.rows.map(row => ({ ...row, state: 'Running' })) });

  expect(dismissed).toEqual(['notice 1']);
});

test('a task that fails again is spoken of once', () => {
  tell(FAILED);
  tell({ ...FAILED, text: 'clean failed again' });
  expect(dismissed).toEqual(['notice 1']);

  notices.dispose();

  expect(dismissed).toEqual(['notice 1', 'notice 2']);
});

describe('many failures', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const nodes = names.map(id => ({ ...FLIGHTS.nodes[0], id, name: id }));
  const rows = (failed: string) =>
    names.map(id => ({ ...FLIGHTS.rows[0], state: failed.includes(id) ? ('Failed' as const) : ('Success' as const) }));

  beforeEach(() => names.forEach(id => tell({ ...FAILED, task: id, cell: `cell-${id}`, text: `${id} failed` })));

  test('beyond the first two share a notification, whose buttons act on all', () => {
    expect(emitted.map(({ text }) => text)).toEqual(['a failed', 'b failed', 'c failed']);
    expect(updated.at(-1)).toMatchObject({ id: 'notice 3', text: '4 more tasks failed, the last: f failed' });

    updated.at(-1)?.actions.forEach(action => action.callback());

    expect(acts).toEqual([{ verb: 'retry_failed', tasks: [] }]);
    expect(shown).toEqual(['cell-f']);
  });

  test('go one by one, and the notification that they share with the last of them', () => {
    notices.update({ ...FLIGHTS, nodes, rows: rows('de') });
    expect(dismissed).toEqual(['notice 1', 'notice 2']);
    expect(updated.at(-1)?.text).toBe('2 more tasks failed, the last: e failed');

    notices.update({ ...FLIGHTS, nodes, rows: rows('') });
    expect(dismissed).toEqual(['notice 1', 'notice 2', 'notice 3']);
  });

  test('leave nothing behind', () => {
    notices.dispose();

    expect(dismissed).toEqual(['notice 1', 'notice 2', 'notice 3']);
  });
});
