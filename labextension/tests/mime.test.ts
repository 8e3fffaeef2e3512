import './browser';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Followers } from '../src/followers';
import { graphRenderer } from '../src/mime';
import type { Action } from '../src/model';
import { MIME } from '../src/protocol';
import { EMPTY, Stream, reduce } from '../src/reducer';
import { SNAP } from './kernel';

const START: Stream = { pipeline: EMPTY, seq: null, changed: null };
const LIVE = (reduce(START, SNAP, 0) as Stream).pipeline;
const SAVED = { ...SNAP, saved: true };

class FakeFollower {
  readonly link = { changed: new Signal<object, readonly number[] | null>(this), pipeline: LIVE };
  readonly acts: Action[] = [];
  readonly shown: string[] = [];

  act(action: Action): Promise<void> {
    this.acts.push(action);
    return Promise.resolve();
  }

  reveal(cell: string): Promise<void> {
    this.shown.push(cell);
    return Promise.resolve();
  }
}

const follower = new FakeFollower();
let announced: boolean;
let changed: Signal<object, void>;
let output: ReturnType<ReturnType<typeof graphRenderer>['createRenderer']> & Widget;

const items = () => [...output.node.querySelectorAll('[role=treeitem]')].map(item => item.getAttribute('aria-label'));
const runStale = () =>
  [...output.node.querySelectorAll('button')].find(each => each.textContent?.startsWith('Run stale')) as HTMLButtonElement;
const render = (data: unknown) => {
  void output.renderModel({ data: { [MIME]: data } } as unknown as Parameters<typeof output.renderModel>[0]);
  vi.advanceTimersByTime(500);
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(900);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(380);
  announced = false;
  follower.acts.length = follower.shown.length = 0;
  follower.link.pipeline = LIVE;
  changed = new Signal<object, void>({});
  const followers = {
    changed,
    withSession: (session: string) => (announced && session === 's' ? follower : null),
    current: follower
  };
  const options = {} as Parameters<ReturnType<typeof graphRenderer>['createRenderer']>[0];
  output = graphRenderer(followers as unknown as Followers).createRenderer(options);
  Widget.attach(output, document.body);
});

afterEach(() => {
  output.dispose();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('a saved graph is shown with dead buttons', () => {
  render(SAVED);

  expect(items()).toHaveLength(3);
  expect(runStale().disabled).toBe(true);
});

test('it comes to life when the kernel announces its session, and acts', () => {
  render(SAVED);
  announced = true;
  changed.emit();
  vi.advanceTimersByTime(500);

  expect(runStale().disabled).toBe(false);
  runStale().click();
  expect(follower.acts).toEqual([{ verb: 'run', tasks: [] }]);
});

test('what is live changes with the kernel', () => {
  announced = true;
  render(SAVED);
  const rows = LIVE.rows.map((row, i) => (i === 1 ? { ...row, state: 'Running' as const } : row));
  follower.link.pipeline = { ...LIVE, rows };

  follower.link.changed.emit([1]);
  vi.advanceTimersByTime(500);

  expect(items().some(name => name?.startsWith('clean, Running'))).toBe(true);
});

test('when the kernel is another, what was last seen stays', () => {
  announced = true;
  render(SAVED);
  const rows = LIVE.rows.map((row, i) => (i === 1 ? { ...row, state: 'Success' as const, verdict: 'fresh' as const, note: '' } : row));
  follower.link.pipeline = { ...LIVE, rows };
  follower.link.changed.emit([1]);

  announced = false;
  follower.link.pipeline = { ...EMPTY, session: 'another', connected: true };
  changed.emit();
  vi.advanceTimersByTime(500);

  expect(items()).toHaveLength(3);
  expect(items().some(name => name?.startsWith('clean, Success'))).toBe(true);
  expect(runStale().disabled).toBe(true);
});

test('a graph of another session stays dead', () => {
  announced = true;
  render({ ...SAVED, session: 'other' });

  expect(runStale().disabled).toBe(true);
});

test.each([[null], ['text'], [{}], [{ ...SAVED, rows: [[0, 99]] }], [{ ...SAVED, nodes: 'no' }], [{ ...SAVED, edges: [[0, 9, []]] }]])(
  'what cannot be read says so, or shows nothing, and throws nothing: %j',
  data => {
    expect(() => render(data)).not.toThrow();
  }
);

test('it is safe: a notebook that is not trusted may show it', () => {
  expect(graphRenderer({} as Followers)).toMatchObject({ safe: true, mimeTypes: [MIME] });
});

test('after dispose nobody is listened to', () => {
  announced = true;
  render(SAVED);
  output.dispose();

  expect(() => {
    changed.emit();
    follower.link.changed.emit([0]);
  }).not.toThrow();
  expect(vi.getTimerCount()).toBe(0);
});
