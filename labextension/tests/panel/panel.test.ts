import '../browser';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Presence, Waiting } from '../../src/client';
import type { Action, Attempt, CacheSizes, Pipeline } from '../../src/model';
import type { FollowedNotebook } from '../../src/notebook';
import { PipelinePanel, waitingText } from '../../src/panel/panel';
import { EMPTY, Stream, reduce } from '../../src/reducer';
import { SNAP } from '../kernel';

class FakeLink {
  readonly changed = new Signal<this, readonly number[] | null>(this);
  presence: Presence = 'connected';
  waiting: Waiting | null = null;
  pipeline: Pipeline = EMPTY;
}

class FakeNotebook {
  readonly link = new FakeLink();
  readonly answered = new Signal<this, string>(this);
  readonly acts: Action[] = [];
  loads = 0;
  asked = 0;
  sizes: CacheSizes | null = { total: 3_400_000_000, quota: 10_000_000_000, tasks: { t1: [1_234_567, 3, 48.2] } };

  act(action: Action): Promise<void> {
    this.acts.push(action);
    return Promise.resolve();
  }

  why(task: string): Promise<string> {
    return Promise.resolve(`${task} is stale:\n  - the first reason\n  - the second reason`);
  }

  attempts(): Promise<readonly Attempt[]> {
    return Promise.resolve([]);
  }

  cached(): Promise<CacheSizes | null> {
    this.asked += 1;
    return Promise.resolve(this.sizes);
  }

  load(): Promise<void> {
    this.loads += 1;
    return Promise.resolve();
  }
}

let panel: PipelinePanel;
let notebook: FakeNotebook;

const START: Stream = { pipeline: EMPTY, seq: null, changed: null };
const FLIGHTS = (reduce(START, SNAP, 0) as Stream).pipeline;
const all = (selector: string) => [...panel.node.querySelectorAll<HTMLElement>(selector)];
const items = () => all('[role=treeitem]');
const isShown = (element: HTMLElement) => element.closest('[hidden]') === null;
const buttons = (words: string) => all('button').filter(each => each.textContent === words && isShown(each));
const key = (target: HTMLElement, name: string) =>
  target.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));

function show(pipeline: Pipeline, changed: readonly number[] | null = null): void {
  notebook.link.pipeline = pipeline;
  notebook.link.changed.emit(changed);
}

beforeEach(() => {
  vi.useFakeTimers();
  Element.prototype.scrollIntoView = () => undefined;
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(300);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600);
  panel = new PipelinePanel();
  Widget.attach(panel, document.body);
  notebook = new FakeNotebook();
  panel.follow(notebook as unknown as FollowedNotebook);
});

afterEach(() => {
  panel.dispose();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('what assistive technology is told', () => {
  beforeEach(() => show(FLIGHTS));

  test('the panel is a region called Pipeline', () => {
    expect(panel.node.getAttribute('role')).toBe('region');
    expect(panel.node.getAttribute('aria-label')).toBe('Pipeline');
  });

  test('a task is a treeitem named by its name and state', () => {
    expect(items().map(item => item.getAttribute('aria-label'))).toEqual([
      'load, Success, fresh',
      "clean, Failed, stale: failed, KeyError: 'dep'",
      'fit, TriggerFailed, not run: `clean` failed'
    ]);
  });

  test('each knows its place in the tree', () => {
    expect(items().map(item => ['level', 'posinset', 'setsize'].map(name => item.getAttribute(`aria-${name}`)))).toEqual([
      ['1', '1', '3'],
      ['1', '2', '3'],
      ['1', '3', '3']
    ]);
    expect(all('[role=tree]')).toHaveLength(1);
  });

  test('one task is reached by Tab', () => {
    expect(items().map(item => item.tabIndex)).toEqual([0, -1, -1]);
  });

  test('buttons are named by what they do', () => {
    items()[1].dispatchEvent(new Event('pointerover', { bubbles: true }));

    const offered = [...items()[1].querySelectorAll('button')].filter(isShown);
    expect(offered.map(each => each.textContent)).toEqual(['Retry failed', 'Run from here', 'Show cell']);
  });
});

describe('acting', () => {
  beforeEach(() => show(FLIGHTS));

  test.each([
    ['Retry failed', 1, { verb: 'retry_failed', tasks: ['t2'] }],
    ['Rerun', 0, { verb: 'rerun', tasks: ['t1'] }],
    ['Run from here', 0, { verb: 'run_from', tasks: ['t1'] }],
    ['Show cell', 2, { verb: 'reveal', tasks: ['t3'] }]
  ])('%s on a row', (words, row, action) => {
    items()[row].focus();

    const button = [...items()[row].querySelectorAll('button')].find(each => each.textContent === words);
    button?.click();

    expect(notebook.acts).toEqual([action]);
  });

  test('Run stale and Retry failed act on the whole notebook', () => {
    all('button').find(each => each.textContent?.startsWith('Run stale'))?.click();
    all('.pj-retry-all')[0].click();

    expect(notebook.acts).toEqual([
      { verb: 'run', tasks: [] },
      { verb: 'retry_failed', tasks: [] }
    ]);
  });

  test('Enter and a double click show the cell', () => {
    items()[0].focus();
    key(items()[0], 'Enter');
    items()[1].dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));

    expect(notebook.acts.map(({ verb, tasks }) => [verb, ...tasks])).toEqual([
      ['reveal', 't1'],
      ['reveal', 't2']
    ]);
  });

  test('arrows move the focus, Home and End go to the ends', () => {
    items()[0].focus();
    for (const [name, index] of [['ArrowDown', 1], ['End', 2], ['ArrowDown', 2], ['ArrowUp', 1], ['Home', 0]] as const) {
      key(document.activeElement as HTMLElement, name);
      expect(document.activeElement).toBe(items()[index]);
    }
  });

  test('selecting a task shows why it stands as it does', () => {
    items()[2].click();

    expect(items()[2].getAttribute('aria-selected')).toBe('true');
    expect(all('.pj-details')[0].textContent).toContain('`clean` failed');
    items()[2].focus();
    key(items()[2].querySelector('button') as HTMLElement, 'Escape');
    expect(isShown(all('.pj-details')[0])).toBe(false);
    expect(document.activeElement).toBe(items()[2]);
  });
});

test('selecting a task tells the first reason for its verdict at once, and all of them when the kernel answers', async () => {
  show(FLIGHTS);
  items()[1].click();
  const details = all('.pj-details')[0];
  expect(details.textContent).toContain('Whyfailed');

  await vi.advanceTimersByTimeAsync(0);
  expect(details.textContent).toContain('• the first reason\n• the second reason');

  buttons('Graph')[0].click();
  await vi.advanceTimersByTimeAsync(500);
  expect(all('.pj-details')[0].textContent).toContain('• the second reason');
});

describe('the cache', () => {
  const line = () => all('.pj-cache')[0];

  test('is told below the tasks with its quota, for assistive technology too', async () => {
    show(FLIGHTS);
    await vi.advanceTimersByTimeAsync(0);
    expect(line().textContent).toBe('Cache: 3.4 GB of 10.0 GBPrune');
    expect([line().getAttribute('role'), line().getAttribute('aria-label')]).toEqual(['group', 'Cache']);
    expect(line().querySelector('[role=meter]')?.getAttribute('aria-valuenow')).toBe('34');
    const prune = line().querySelector('button') as HTMLButtonElement;
    expect([prune.getAttribute('aria-label'), prune.tabIndex]).toEqual(['Prune the cache', 0]);
    prune.click();
    expect(notebook.acts).toEqual([{ verb: 'cache_prune', tasks: [] }]);
  });

  test('is asked for when a run has ended, and after a command was answered', async () => {
    show(FLIGHTS);
    show({ ...FLIGHTS, run: [1, 3, null] }, [0]);
    expect(notebook.asked).toBe(1);
    const rows = FLIGHTS.rows.map(row => ({ ...row, t1: 9e12 }));
    show({ ...FLIGHTS, rows, run: [2, 3, null] }, [0]);
    expect(notebook.asked).toBe(1);
    show({ ...FLIGHTS, rows }, [0]);
    show({ ...FLIGHTS, rows }, [0]);
    expect(notebook.asked).toBe(2);
    notebook.answered.emit('Pruned 2 results.');
    expect(notebook.asked).toBe(3);
  });

  test('is not shown without a kernel, or where nobody knows', async () => {
    notebook.sizes = null;
    show(FLIGHTS);
    await vi.advanceTimersByTimeAsync(0);
    expect(isShown(line())).toBe(false);
    show({ ...FLIGHTS, connected: false });
    expect(isShown(line())).toBe(false);
  });

  test('of one task is a fact of its details, and can be cleared there', async () => {
    show(FLIGHTS);
    items()[0].click();
    await vi.advanceTimersByTimeAsync(0);
    expect(all('.pj-details')[0].textContent).toContain('Cached1.2 MB · 3 results · saves 48 s');
    buttons('Clear cached results')[0].click();
    expect(notebook.acts).toEqual([{ verb: 'cache_delete', tasks: ['t1'] }]);
    items()[1].click();
    await vi.advanceTimersByTimeAsync(0);
    expect(buttons('Clear cached results')).toHaveLength(0);
  });
});

test('a pipeline whose kernel has restarted comes back by one button', () => {
  notebook.link.presence = 'not-loaded';
  show({ ...FLIGHTS, connected: false });

  buttons('Load the extension')[0].click();

  expect(notebook.loads).toBe(1);
});

test('a pipeline without a kernel says so', () => {
  notebook.link.presence = 'no-kernel';
  show({ ...FLIGHTS, connected: false });

  expect(all('[role=status]')[0].textContent).toContain('No kernel');
  expect(buttons('Load the extension')).toHaveLength(0);
});

describe('keeping up', () => {
  test('a row that changes is told and keeps its element', () => {
    show(FLIGHTS);
    const before = items();
    const rows = FLIGHTS.rows.map((row, i) => (i === 1 ? { ...row, state: 'Running' as const, note: '' } : row));

    show({ ...FLIGHTS, rows }, [1]);

    expect(items()[1]).toBe(before[1]);
    expect(items()[1].getAttribute('aria-label')).toMatch(/^clean, Running/);
  });

  test('a new task comes in its place and the selection stays', () => {
    show(FLIGHTS);
    items()[1].click();
    const added = { ...FLIGHTS.nodes[0], id: 'new', name: 'new' };

    show({ ...FLIGHTS, nodes: [added, ...FLIGHTS.nodes], rows: [FLIGHTS.rows[0], ...FLIGHTS.rows], edges: [[1, 2, ['raw']]] });

    expect(items().map(item => item.getAttribute('aria-selected'))).toEqual(['false', 'false', 'true', 'false']);
  });

  test('markup in a name stays text', () => {
    const attack = '<img src=x onerror=alert(1)>';
    show({ ...FLIGHTS, title: attack, nodes: FLIGHTS.nodes.map(node => ({ ...node, name: attack, label: attack })) });
    items()[0].click();

    expect(panel.node.querySelector('img')).toBeNull();
    expect(items()[0].getAttribute('aria-label')).toContain(attack);
  });

  test('a pipeline without its kernel is read only', () => {
    notebook.link.presence = 'not-loaded';
    show({ ...FLIGHTS, connected: false });
    items()[1].focus();

    const live = all('button').filter(each => isShown(each) && !(each as HTMLButtonElement).disabled);
    expect(live.map(each => each.textContent || each.getAttribute('aria-label'))).not.toContain('Retry failed');
    expect(all('[role=status]')[0].textContent).toContain('%load_ext prefect_jupyter');
  });

  test('as a graph it shows the same tasks, and the selection stays', () => {
    show(FLIGHTS);
    items()[1].click();

    buttons('Graph')[0].click();
    vi.advanceTimersByTime(500);

    expect(all('[role=treeitem]').map(item => item.getAttribute('aria-label')?.split(',')[0]).sort()).toEqual(['clean', 'fit', 'load']);
    expect(buttons('Graph')[0].getAttribute('aria-pressed')).toBe('true');
    expect(all('.pj-details')[0].textContent).toContain('clean');
  });
});

describe('when there is nothing to show', () => {
  test.each([
    ['no-kernel', 'No kernel'],
    ['not-loaded', 'Not loaded'],
    ['connecting', 'Connecting …'],
    ['connected', 'No tasks yet'],
    ['outdated', 'Reload the page']
  ] as [Presence, string][])('%s says so', (presence, title) => {
    notebook.link.presence = presence;
    show(EMPTY);

    expect(all('.pj-empty strong')[0].textContent).toBe(title);
    expect(isShown(all('.pj-panel-bar')[0])).toBe(false);
  });

  test('without a notebook it says that one is missing', () => {
    panel.follow(null);

    expect(all('.pj-empty strong')[0].textContent).toBe('No notebook');
  });

  test('the extension can be loaded from here', () => {
    notebook.link.presence = 'not-loaded';
    show(EMPTY);

    buttons('Load the extension')[0].click();

    expect(notebook.loads).toBe(1);
  });
});

describe('the line of words', () => {
  const status = () => all('[role=status]')[0];

  test('an acknowledgement is shown for a while', () => {
    show(FLIGHTS);
    notebook.answered.emit('2 tasks to run.');
    expect(status().textContent).toBe('2 tasks to run.');

    vi.advanceTimersByTime(10_000);

    expect(isShown(status())).toBe(false);
  });

  test('a click that nobody answers is said to wait, for how long, and why', () => {
    show(FLIGHTS);
    notebook.link.waiting = { verb: 'run', since: Date.now() - 1_000, live: true };
    notebook.link.changed.emit(null);
    vi.advanceTimersByTime(2_000);
    expect(status().textContent).toBe('Sent; the kernel is in C code and cannot answer yet, 3 s');

    notebook.link.waiting = null;
    notebook.link.changed.emit(null);

    expect(isShown(status())).toBe(false);
  });

  test('without subshells it is queued', () => {
    expect(waitingText({ verb: 'run', since: 0, live: false }, 5_000)).toContain('Queued until the running cell ends, 5 s');
  });
});

test('nothing runs on after dispose', () => {
  show(FLIGHTS);
  notebook.link.waiting = { verb: 'run', since: 0, live: true };
  notebook.link.changed.emit(null);

  panel.dispose();
  show(EMPTY);

  expect(vi.getTimerCount()).toBe(0);
});
