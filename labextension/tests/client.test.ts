import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Link } from '../src/client';
import type { DocumentChange } from '../src/document';
import { STATES } from '../src/model';
import type { Message, NoticeMessage, OutputMessage, StateRow } from '../src/protocol';
import { EMPTY, reduce } from '../src/reducer';
import { PATIENCE_MS } from '../src/requests';
import { FakeContext, FakeKernel, SNAP } from './kernel';

let kernel: FakeKernel;
let context: FakeContext;
let link: Link;
let untold: DocumentChange;
let forgotten: number;

const NOTHING: DocumentChange = { order: null, sources: {} };
const ALL: DocumentChange = { order: ['cell-1', 'cell-2'], sources: { 'cell-1': 'x = 1' } };
const told = {
  take: () => {
    const change = untold;
    untold = NOTHING;
    return change;
  },
  forget: () => {
    forgotten += 1;
    untold = ALL;
  }
};

const settle = () => vi.advanceTimersByTimeAsync(0);
const state = (seq: number, code: number, rev = 1): Message =>
  ({ type: 'state', rev, seq, now: 0, run: null, rows: [[1, code, 1, null, null, 1, 0, 0, 0, '', '']] });

function setHidden(hidden: boolean): void {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(hidden);
  document.dispatchEvent(new Event('visibilitychange'));
}

function open(): void {
  link = new Link(context.asContext, told);
}

beforeEach(() => {
  vi.useFakeTimers();
  kernel = new FakeKernel();
  context = new FakeContext(kernel);
  untold = ALL;
  forgotten = 0;
});

afterEach(() => {
  link.dispose();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('finding the session', () => {
  test('a page that comes later finds a session that is there', async () => {
    open();
    await settle();

    expect(link.presence).toBe('connected');
    expect(link.pipeline.nodes.map(node => node.name)).toEqual(['load', 'clean', 'fit']);
  });

  test('a page that was there first is told by the hello', async () => {
    kernel.loaded = false;
    open();
    await settle();
    expect(link.presence).toBe('not-loaded');

    kernel.hello();
    await settle();

    expect(link.presence).toBe('connected');
  });

  test('without a kernel there is nobody to talk to', async () => {
    context = new FakeContext(null);
    open();
    await settle();

    expect(link.presence).toBe('no-kernel');
    expect(await link.send('run')).toMatchObject({ ok: false });
  });

  test('both comms run on a subshell, whatever the user has set', async () => {
    open();
    await settle();

    expect(kernel.comms.map(comm => [comm.opening?.role, comm.commsOverSubshells])).toEqual([
      ['push', 'perCommTarget'],
      ['commands', 'perCommTarget']
    ]);
    expect(new Set(kernel.comms.map(comm => comm.opening?.page)).size).toBe(1);
  });

  test('an open that is not answered is tried again', async () => {
    kernel.deaf = 2;
    open();
    await settle();
    expect(link.presence).toBe('connecting');

    await vi.advanceTimersByTimeAsync(20_000);

    expect(link.presence).toBe('connected');
    expect(kernel.comms.filter(comm => !comm.isDisposed)).toHaveLength(2);
  });

  test('a kernel that never answers is given up', async () => {
    kernel.deaf = 100;
    open();

    await vi.advanceTimersByTimeAsync(60_000);

    expect(link.presence).toBe('not-loaded');
    expect(kernel.comms.every(comm => comm.isDisposed)).toBe(true);
  });

  test('a kernel of another protocol is not listened to', async () => {
    kernel.protocol = 99;
    open();
    await settle();

    expect(link.presence).toBe('outdated');
    expect(link.pipeline.nodes).toEqual([]);
  });

  test('a restart ends the link and keeps the picture, without life', async () => {
    open();
    await settle();
    kernel.loaded = false;

    context.statusChanged.emit('restarting');

    expect(link.presence).toBe('not-loaded');
    expect(link.pipeline.connected).toBe(false);
    expect(link.pipeline.nodes).toHaveLength(3);
    kernel.hello();
    await settle();
    expect(link.pipeline.connected).toBe(true);
  });

  test.each([
    [['restarting', 'autorestarting'], 'Crashed', 'the kernel died while it ran'],
    [['dead'], 'Crashed', 'the kernel died while it ran'],
    [['restarting'], 'Cancelled', 'the kernel was stopped while it ran']
  ] as const)('what ran in a kernel that is %j is %s, and nothing waits', async (statuses, state, note) => {
    open();
    await settle();
    const rows: StateRow[] = [
      [0, STATES.indexOf('Running'), 0, 1_000, null, 1, 0, 0, 0, '', ''],
      [1, STATES.indexOf('Scheduled'), 1, null, null, 0, 0, 0, 0, 'waits', '']
    ];
    kernel.page.push({ ...SNAP, rows: [...rows, SNAP.rows[2]] });

    statuses.forEach(status => context.statusChanged.emit(status));

    expect(link.pipeline.rows[0]).toMatchObject({ state, note, verdict: 'stale' });
    expect(link.pipeline.rows[1]).toMatchObject({ state: 'Pending', note: '' });
    expect(link.pipeline.rows[2].state).toBe('TriggerFailed');
  });

  test('what was saved is shown until a kernel says more', async () => {
    kernel.loaded = false;
    open();
    const saved = reduce({ pipeline: EMPTY, seq: null, changed: null }, SNAP, 0)?.pipeline ?? EMPTY;
    link.recall(saved);
    expect(link.pipeline).toMatchObject({ connected: false, nodes: saved.nodes });

    kernel.hello();
    await settle();
    expect(link.pipeline.connected).toBe(true);
    link.recall(saved);
    expect(link.pipeline.connected).toBe(true);
  });

  test('another kernel is another session', async () => {
    open();
    await settle();
    const other = new FakeKernel();

    context.replace(other);
    await settle();

    expect(kernel.targetNames).toEqual([]);
    expect(kernel.comms.every(comm => comm.isDisposed)).toBe(true);
    expect(other.comms).toHaveLength(2);
    expect(link.presence).toBe('connected');
  });

  test('a session that closes the comm is looked for again', async () => {
    open();
    await settle();

    kernel.page.onClose({});
    await settle();

    expect(link.presence).toBe('connected');
    expect(kernel.comms).toHaveLength(4);
  });

  test('nothing is left after dispose', async () => {
    open();
    await settle();

    link.dispose();
    link.dispose();
    kernel.hello();
    await settle();

    expect(kernel.targetNames).toEqual([]);
    expect(kernel.closed).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('listening', () => {
  let changes: (readonly number[] | null)[];

  beforeEach(async () => {
    open();
    await settle();
    changes = [];
    link.changed.connect((_, changed) => changes.push(changed));
    kernel.received.length = 0;
  });

  test('a state message says which rows changed', () => {
    kernel.page.push(state(2, 3));

    expect(changes).toEqual([[1]]);
    expect(link.pipeline.rows[1].state).toBe('Running');
  });

  test('after a gap everything is asked for, once', async () => {
    kernel.page.push(state(5, 3));
    kernel.page.push(state(6, 4));
    await settle();

    expect(kernel.verbs()).toEqual(['snap']);
    expect(link.pipeline.rows[1].state).toBe('Failed');
  });

  test('after the snap a further gap is noticed again', async () => {
    kernel.page.push(state(5, 3));
    kernel.opened(kernel.page);
    kernel.page.push(state(9, 3));
    await settle();

    expect(kernel.verbs()).toEqual(['snap', 'snap']);
  });

  test('a hidden page draws nothing, and asks for everything when it is seen again', async () => {
    setHidden(true);
    kernel.page.push(state(2, 3));
    kernel.page.push(state(3, 4));
    expect(changes).toEqual([]);
    expect(kernel.verbs()).toEqual([]);

    setHidden(false);
    await settle();

    expect(kernel.verbs()).toEqual(['snap']);
  });

  test('outputs and notices reach a hidden page', () => {
    const [outputs, notices]: [OutputMessage[], NoticeMessage[]] = [[], []];
    link.printed.connect((_, message) => outputs.push(message));
    link.noticed.connect((_, message) => notices.push(message));
    setHidden(true);

    kernel.page.push({ type: 'output', cell: 'c', op: 'clear', output: null });
    kernel.page.push({ type: 'notice', level: 'info', text: 'hi', task: null, cell: null, verbs: [] });

    expect([outputs.length, notices.length]).toEqual([1, 1]);
  });

  test('a network that comes back is a reason to ask for everything', async () => {
    context.connectionStatusChanged.emit('connected');
    await settle();

    expect(kernel.verbs()).toEqual(['snap']);
  });
});

describe('asking', () => {
  beforeEach(async () => {
    open();
    await settle();
  });

  test('the whole document is told at the start, and then what changed', async () => {
    expect(kernel.received.map(({ verb, order }) => [verb, order])).toEqual([['document', ALL.order]]);
    expect(forgotten).toBe(1);

    untold = { order: null, sources: { 'cell-2': 'y' } };
    void link.send('rerun', ['t2']);
    void link.send('rerun', ['t2']);

    expect(kernel.received.slice(1).map(({ order, sources }) => [order, sources])).toEqual([
      [null, { 'cell-2': 'y' }],
      [null, {}]
    ]);
  });

  test('a document that did not change is not sent', async () => {
    kernel.received.length = 0;

    await link.flush();

    expect(kernel.received).toEqual([]);
  });

  test('a command resolves with its own acknowledgement', async () => {
    const first = link.send('run');
    const second = link.send('rerun', ['t2']);
    const [, one, two] = kernel.received;

    kernel.reply(two.id, true, 'second');
    kernel.reply(one.id, false, 'first');

    expect(await first).toMatchObject({ ok: false, text: 'first' });
    expect(await second).toMatchObject({ ok: true, text: 'second' });
    expect(one).toMatchObject({ session: 's', verb: 'run', tasks: [] });
  });

  test('a click without an answer is said to wait, and no longer when it comes', async () => {
    const answer = link.send('run');
    expect(link.waiting).toBeNull();
    let heard = 0;
    link.changed.connect(() => (heard += 1));

    await vi.advanceTimersByTimeAsync(PATIENCE_MS + 50);
    expect(link.waiting).toMatchObject({ verb: 'run', live: true });
    expect(heard).toBe(1);

    kernel.reply(kernel.received[1].id);
    await answer;
    expect(link.waiting).toBeNull();
    expect(heard).toBe(2);
  });

  test('without subshells a waiting click is said to be queued', async () => {
    link.dispose();
    kernel = new FakeKernel();
    kernel.supportsSubshells = kernel.subshells = false;
    context = new FakeContext(kernel);
    open();
    await settle();

    void link.send('run');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS + 50);

    expect(link.waiting).toMatchObject({ live: false });
  });

  test('a restart answers what is still waiting', async () => {
    const answer = link.send('run');

    context.statusChanged.emit('autorestarting');

    expect(await answer).toMatchObject({ ok: false, text: expect.stringContaining('not carried out') });
  });
});
