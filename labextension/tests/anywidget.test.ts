import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import widget from '../src/anywidget';
import { CommandMessage, Message, PROTOCOL } from '../src/protocol';
import { SNAP } from './kernel';

class Model {
  readonly sent: CommandMessage[] = [];
  readonly listeners = new Set<(message: Message) => void>();

  get(): typeof SNAP {
    return SNAP;
  }

  on(_: string, heard: (message: Message) => void): void {
    this.listeners.add(heard);
  }

  off(_: string, heard: (message: Message) => void): void {
    this.listeners.delete(heard);
  }

  send(command: CommandMessage): void {
    this.sent.push(command);
  }

  say(message: Message): void {
    this.listeners.forEach(heard => heard(message));
    vi.advanceTimersByTime(500);
  }
}

let model: Model;
let el: HTMLElement;
let end: () => void;

const items = () => [...el.querySelectorAll('[role=treeitem]')].map(item => item.getAttribute('aria-label') ?? '');
const runStale = () =>
  [...el.querySelectorAll('button')].find(each => each.textContent?.startsWith('Run stale')) as HTMLButtonElement;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(900);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(420);
  model = new Model();
  el = document.createElement('div');
  document.body.append(el);
  end = widget.render({ model, el });
  vi.advanceTimersByTime(500);
});

afterEach(() => {
  end();
  el.remove();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('what was synchronised is shown at once, and the kernel is asked for what is', () => {
  expect(items()).toHaveLength(3);
  expect(runStale().disabled).toBe(true);
  expect(model.sent.map(({ verb, protocol }) => [verb, protocol])).toEqual([['snap', PROTOCOL]]);
});

test('it follows the kernel', () => {
  model.say(SNAP);
  model.say({ type: 'state', rev: 1, seq: 2, now: 0, run: null, rows: [[1, 3, 1, 0, null, 1, 0, 0, 0, '', '']] });

  expect(items().some(name => name.startsWith('clean, Running'))).toBe(true);
});

test('a button is a command, and its answer is shown', () => {
  model.say(SNAP);
  runStale().click();
  const command = model.sent.at(-1) as CommandMessage;
  expect(command).toMatchObject({ verb: 'run', tasks: [], session: 's', order: null, sources: {} });

  model.say({ type: 'reply', id: command.id, ok: true, text: '2 tasks to run.', detail: null });
  model.say({ type: 'reply', id: 'of another page', ok: true, text: 'not ours', detail: null });

  expect(el.querySelector('.pj-widget-words')?.textContent).toBe('2 tasks to run.');
});

test('a gap is filled', () => {
  model.say(SNAP);
  model.say({ type: 'state', rev: 1, seq: 9, now: 0, run: null, rows: [] });

  expect(model.sent.map(({ verb }) => verb)).toEqual(['snap', 'snap']);
});

test('two views of one model do not disturb each other', () => {
  const other = document.createElement('div');
  const endOther = widget.render({ model, el: other });
  endOther();
  model.say(SNAP);

  expect(items()).toHaveLength(3);
  expect(model.listeners.size).toBe(1);
});

test('nothing is left after the end', () => {
  end();

  expect(model.listeners.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
