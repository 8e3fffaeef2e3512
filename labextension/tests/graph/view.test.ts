import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { GraphView } from '../../src/graph/view';
import type { Action, Pipeline, TaskRow } from '../../src/model';
import { node, pipeline, pipelineOf, row } from './corpus';

const SIZE = { width: 1400, height: 760 };

let host: HTMLElement;
let view: GraphView;
let acted: Action[];
let chosen: (string | null)[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(SIZE.width);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(SIZE.height);
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  host = document.createElement('div');
  document.body.appendChild(host);
  acted = [];
  chosen = [];
  view = made();
});

afterEach(() => {
  view.dispose();
  host.remove();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function made(): GraphView {
  const it = new GraphView(host, action => acted.push(action));
  it.onselect = id => chosen.push(id);
  return it;
}

/** `load → clean → fit → report`, with `weather` beside `clean`. */
function chain(
  rows: Record<string, Partial<TaskRow> & Pick<TaskRow, 'state'>> = {},
  more: Partial<Pipeline> = {}
): Pipeline {
  const names = ['load', 'clean', 'fit', 'report', 'weather'];
  const nodes = names.map((name, i) => node(name, { label: `[${i + 1}]`, reads: i ? ['df'] : [], writes: ['df'] }));
  const all = names.map(name => row(rows[name]?.state ?? 'Success', rows[name]));
  return pipeline(
    nodes,
    [
      [0, 1, ['df']],
      [1, 2, ['df']],
      [2, 3, ['model']],
      [4, 2, ['weather']]
    ],
    all,
    more
  );
}

function show(shown: Pipeline): Pipeline {
  view.update(shown);
  settle();
  return shown;
}

/** Let frames and motions pass. */
function settle(): void {
  vi.advanceTimersByTime(600);
}

function tasks(): HTMLElement[] {
  return [...host.querySelectorAll<HTMLElement>('[role=treeitem]')].filter(item => !item.hidden);
}

function task(name: string): HTMLElement {
  const found = tasks().find(item => item.getAttribute('aria-label')?.startsWith(`${name},`));
  if (!found) {
    throw new Error(`no task ${name}`);
  }
  return found;
}

function buttons(scope: string): HTMLButtonElement[] {
  return [...host.querySelectorAll<HTMLButtonElement>(`${scope} button`)].filter(button => !button.closest('[hidden]'));
}

function button(scope: string, name: string): HTMLButtonElement {
  const found = buttons(scope).find(each => (each.getAttribute('aria-label') ?? each.textContent) === name);
  if (!found) {
    throw new Error(`no button ${name}`);
  }
  return found;
}

function press(key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  (document.activeElement ?? document.body).dispatchEvent(event);
  settle();
  return event;
}

describe('assistive technology', () => {
  test('finds a tree of tasks named by name, state, verdict and reason', () => {
    show(chain({ clean: { state: 'Failed', verdict: 'stale', reason: 'text of [2] edited' } }));
    expect(host.querySelector('[role=tree]')).not.toBeNull();
    expect(tasks().map(item => item.getAttribute('aria-label'))).toEqual([
      'load, Success, fresh',
      'clean, Failed, stale: text of [2] edited',
      'fit, Success, fresh',
      'report, Success, fresh',
      'weather, Success, fresh'
    ]);
  });

  test('learns the layer of a task and its place there', () => {
    show(chain());
    const place = (name: string) =>
      ['aria-level', 'aria-posinset', 'aria-setsize'].map(key => task(name).getAttribute(key));
    expect(place('load')).toEqual(['1', '1', '1']);
    expect(place('clean')).toEqual(['2', '1', '2']);
    expect(place('weather')).toEqual(['2', '2', '2']);
  });

  test('can reach exactly one card by Tab', () => {
    show(chain());
    expect(tasks().filter(item => item.tabIndex === 0)).toHaveLength(1);
    view.select('fit');
    settle();
    expect(tasks().filter(item => item.tabIndex === 0)).toEqual([task('fit')]);
  });

  test('hears of a failure once, by name', () => {
    const before = show(chain({ clean: { state: 'Running' }, fit: { state: 'Pending' } }, { run: [1, 5, null] }));
    const voice = host.querySelector('[aria-live=polite]') as HTMLElement;
    expect(voice.textContent).toBe('');
    const rows = before.rows.map((old, i) => (i === 1 ? row('Failed', { note: "KeyError: 'x'" }) : old));
    view.update({ ...before, rows }, [1]);
    expect(voice.textContent).toBe("clean: Failed, KeyError: 'x'.");
  });

  test('hears how a run ended', () => {
    const before = show(chain({ report: { state: 'Running' } }, { run: [4, 5, null] }));
    view.update({ ...before, run: null, rows: before.rows.map(() => row('Success')) }, [3]);
    expect(host.querySelector('[aria-live=polite]')?.textContent).toBe('Run ended: 5 of 5 tasks done.');
  });
});

describe('the keyboard', () => {
  beforeEach(() => {
    show(chain());
    task('load').focus();
  });

  test('moves the focus to the nearest task in a direction', () => {
    const way = ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft'].map(key => {
      press(key);
      return document.activeElement?.getAttribute('aria-label')?.split(',')[0];
    });
    expect(way).toEqual(['clean', 'fit', 'report', 'fit']);
    expect(chosen).toEqual([]);
  });

  test('selects with Enter and clears with Escape', () => {
    press('ArrowRight');
    press('Enter');
    expect(task('clean').getAttribute('aria-selected')).toBe('true');
    press('Escape');
    expect(task('clean').getAttribute('aria-selected')).toBe('false');
    expect(chosen).toEqual(['clean', null]);
  });

  test('goes to the find field with a slash, which keeps its letters from the notebook', () => {
    const heard: string[] = [];
    host.addEventListener('keydown', event => heard.push(event.key));
    press('/');
    const field = host.querySelector('input') as HTMLInputElement;
    expect(document.activeElement).toBe(field);
    press('a');
    expect(heard).toEqual([]);
    press('Escape');
    expect(document.activeElement).toBe(task('load'));
  });

  test('keeps handled keys and lets all others through', () => {
    const heard: string[] = [];
    host.addEventListener('keydown', event => heard.push(event.key));
    ['ArrowRight', 'Enter', 'f', 'g', '+', '-', 'Escape'].forEach(key => press(key));
    expect(heard).toEqual([]);
    ['a', 'Escape', 'Tab'].forEach(key => press(key));
    press('f', { ctrlKey: true });
    expect(heard).toEqual(['a', 'Escape', 'Tab', 'f']);
  });
});

describe('selecting a task', () => {
  test('marks what it depends on and what depends on it, and dims the rest', () => {
    show(chain());
    task('clean').click();
    settle();
    const marks = (name: string) =>
      ['pj-up', 'pj-down', 'pj-dim', 'pj-selected'].filter(mark => task(name).classList.contains(mark));
    expect(['load', 'clean', 'fit', 'report', 'weather'].map(marks)).toEqual([
      ['pj-up'],
      ['pj-selected'],
      ['pj-down'],
      ['pj-down'],
      ['pj-dim']
    ]);
    expect(chosen).toEqual(['clean']);
  });

  test('shows its facts and neighbours', () => {
    show(chain({ clean: { state: 'Success', verdict: 'stale', reason: '`limit` changed from 5 to 6' } }));
    view.select('clean');
    const pane = host.querySelector('aside')?.textContent ?? '';
    for (const fact of ['stale', '`limit` changed from 5 to 6', '1.2 s', '[2]', '1 up · 2 down', 'load', 'fit']) {
      expect(pane).toContain(fact);
    }
    expect(chosen).toEqual([]);
  });

  test('survives new tasks, and ends with its own', () => {
    show(chain());
    view.select('fit');
    const bigger = chain();
    show({
      ...bigger,
      rev: 2,
      nodes: [node('first'), ...bigger.nodes],
      rows: [row('Pending'), ...bigger.rows],
      edges: bigger.edges.map(([s, t, names]) => [s + 1, t + 1, names] as const)
    });
    expect(task('fit').getAttribute('aria-selected')).toBe('true');
    show(pipeline([node('load')], [], [row('Success')]));
    expect(host.querySelector('aside')?.hidden).toBe(true);
  });

  test('keeps it where it is on the screen when the graph grows', () => {
    const before = show(chain());
    view.select('fit');
    settle();
    const at = onScreen(task('fit'));
    const nodes = [...before.nodes, node('more'), node('other')];
    show({ ...before, nodes, rows: nodes.map(() => row('Success')), edges: [...before.edges, [5, 2, []], [6, 5, []]] });
    expect(onScreen(task('fit')).map(Math.round)).toEqual(at.map(Math.round));
  });
});

function onScreen(card: HTMLElement): [number, number] {
  const numbers = (text: string) => (text.match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number);
  const [left, top, k] = numbers((card.parentElement as HTMLElement).style.transform);
  const [x, y] = numbers(card.style.transform);
  return [left + x * k, top + y * k];
}

describe('the buttons', () => {
  test('of a task that succeeded are Rerun, Run from here, Pin, Skip and Show cell', () => {
    show(chain());
    view.select('clean');
    expect(buttons('.pj-actions').map(each => each.textContent)).toEqual(['Rerun', 'Run from here', 'Pin', 'Skip', 'Show cell']);
    buttons('.pj-actions').forEach(each => each.click());
    expect(acted.map(({ verb, tasks }) => [verb, ...tasks])).toEqual([
      ['rerun', 'clean'],
      ['run_from', 'clean'],
      ['pin', 'clean'],
      ['skip', 'clean'],
      ['reveal', 'clean']
    ]);
  });

  test('offer Retry failed when it failed and Cancel when it runs', () => {
    show(chain({ clean: { state: 'Failed' }, fit: { state: 'TriggerFailed' }, weather: { state: 'Running' } }));
    const named = (id: string) => {
      view.select(id);
      return buttons('.pj-actions').map(each => each.textContent);
    };
    expect(named('clean')).toContain('Retry failed');
    expect(named('fit')).toContain('Retry failed');
    expect(named('weather')).toContain('Cancel');
    expect(named('load')).not.toContain('Cancel');
  });

  test('let a person accept what is stale by itself, and take back what they said', () => {
    const said = (verdict: 'accepted' | 'pinned') => ({ state: 'Success' as const, verdict, reason: `${verdict} by you 14:02` });
    show(
      chain({
        load: { state: 'Success', verdict: 'stale', reason: 'code changed' },
        clean: { state: 'Success', verdict: 'stale', reason: 'needs `load`, which is stale: code changed' },
        fit: said('accepted'),
        report: said('pinned'),
        weather: { state: 'Failed', verdict: 'stale', reason: 'failed: KeyError' }
      })
    );
    const offered = (id: string) => {
      view.select(id);
      const words = buttons('.pj-actions').map(each => each.textContent ?? '');
      return words.filter(each => !['Rerun', 'Run from here', 'Retry failed', 'Run to here', 'Skip', 'Show cell'].includes(each));
    };
    expect(offered('load')).toEqual(['Accept as unchanged', 'Pin']);
    expect(offered('clean')).toEqual(['Pin']);
    expect(offered('fit')).toEqual(['Pin', 'Take back']);
    expect(offered('report')).toEqual(['Unpin']);
    expect(offered('weather')).toEqual(['Pin']);
    show(chain({ load: { state: 'Pending', verdict: 'stale', reason: 'not run yet · pinned by you 14:02' } }));
    expect(offered('load')).toEqual(['Unpin']);
    show(
      chain({
        load: { state: 'Success', verdict: 'stale', reason: 'code changed' },
        report: said('pinned')
      })
    );
    view.select('load');
    button('.pj-actions', 'Accept as unchanged').click();
    view.select('report');
    button('.pj-actions', 'Unpin').click();
    expect(acted).toEqual([
      { verb: 'accept', tasks: ['load'] },
      { verb: 'unpin', tasks: ['report'] }
    ]);
  });

  test('follow the state of the selected task', () => {
    const before = show(chain({ clean: { state: 'Running' } }));
    view.select('clean');
    expect(() => button('.pj-actions', 'Cancel')).not.toThrow();
    const rows = before.rows.map((old, i) => (i === 1 ? row('Failed') : old));
    view.update({ ...before, rows }, [1]);
    expect(() => button('.pj-actions', 'Cancel')).toThrow();
    button('.pj-actions', 'Retry failed').click();
    expect(acted).toEqual([{ verb: 'retry_failed', tasks: ['clean'] }]);
  });

  test('of the whole run are Run stale, and Cancel while it runs', () => {
    show(chain({ clean: { state: 'Success', verdict: 'stale' } }));
    button('.pj-head', 'Run stale').click();
    expect(acted).toEqual([{ verb: 'run', tasks: [] }]);
    expect(() => button('.pj-head', 'Cancel')).toThrow();
    show(chain({ clean: { state: 'Running' } }, { run: [3, 5, null] }));
    button('.pj-head', 'Cancel').click();
    expect(acted[1]).toEqual({ verb: 'cancel', tasks: [] });
  });

  test('are dead without a kernel and say how to revive them', () => {
    show(chain({ clean: { state: 'Success', verdict: 'stale' } }, { connected: false }));
    view.select('clean');
    const dead = [...buttons('.pj-actions'), button('.pj-head', 'Run stale')];
    expect(dead.every(each => each.disabled)).toBe(true);
    expect(new Set(dead.map(each => each.title))).toEqual(new Set(['Run the notebook to bring this graph to life']));
  });
});

describe('the attempts of a task', () => {
  const attempt = (number: number, lines: string[]) => ({
    number,
    state: 'Failed',
    started: 1_000 * number,
    duration: 2_000,
    note: 'KeyError',
    lines
  });

  test('are asked for when it is shown, and searched', async () => {
    view.dispose();
    const asked: string[] = [];
    const attempts = (task: string) => {
      asked.push(task);
      return Promise.resolve([attempt(2, ['second try']), attempt(1, ['first try', 'a warning'])]);
    };
    view = new GraphView(host, action => acted.push(action), undefined, undefined, attempts);
    show(chain());
    view.select('clean');
    await Promise.resolve();
    await Promise.resolve();
    const shown = () => [...host.querySelectorAll('.pj-attempts pre')].map(each => each.textContent);
    expect(asked).toEqual(['clean']);
    expect(shown()).toEqual(['second try', 'first try\na warning']);
    const search = host.querySelector('.pj-attempts-search') as HTMLInputElement;
    search.value = 'WARN';
    search.dispatchEvent(new Event('input'));
    expect(shown()).toEqual(['a warning']);
  });
});

describe('chips and find', () => {
  test('a chip counts a state and narrows the graph to it', () => {
    show(chain({ clean: { state: 'Failed' }, weather: { state: 'Success', verdict: 'stale' } }));
    expect(buttons('.pj-chips').map(each => each.getAttribute('aria-label'))).toEqual([
      'Success: 4',
      'Failed: 1',
      'stale: 1'
    ]);
    button('.pj-chips', 'Failed: 1').click();
    settle();
    const dimmed = () => tasks().filter(item => item.classList.contains('pj-dim')).length;
    expect(dimmed()).toBe(4);
    button('.pj-chips', 'Failed: 1').click();
    settle();
    expect(dimmed()).toBe(0);
  });

  test('find dims what does not match, and Enter selects the next match', () => {
    show(chain());
    const field = host.querySelector('input') as HTMLInputElement;
    field.value = 'e';
    field.dispatchEvent(new Event('input'));
    settle();
    expect(
      tasks()
        .filter(item => !item.classList.contains('pj-dim'))
        .map(item => item.textContent)
    ).toHaveLength(3);
    field.focus();
    ['Enter', 'Enter'].forEach(key => press(key));
    expect(chosen).toEqual(['clean', 'report']);
  });
});

describe('text from a notebook', () => {
  const EVIL = '<img src=x onerror="alert(1)">&amp;</div>';

  test('stays text wherever it appears', () => {
    const nodes = [node('a', { name: EVIL, label: EVIL, reads: [EVIL], writes: [EVIL] }), node(EVIL, { name: EVIL })];
    const rows = nodes.map(() => row('Failed', { note: EVIL, reason: EVIL, verdict: 'stale' }));
    show(pipeline(nodes, [[0, 1, [EVIL]]], rows, { title: EVIL }));
    view.select('a');
    settle();
    expect(host.querySelectorAll('img, script')).toHaveLength(0);
    expect(host.textContent?.split(EVIL).length).toBeGreaterThan(8);
  });

  test('reaches no id, class, style, link or data attribute', () => {
    show(
      pipeline([node('zqx-id', { name: 'zqx', cell: 'zqx-cell' })], [], [row('Success', { note: 'zqx' })], {
        title: 'zqx'
      })
    );
    view.select('zqx-id');
    settle();
    const held = [...host.querySelectorAll('*')]
      .flatMap(each => [...each.attributes])
      .filter(each => each.value.includes('zqx'));
    expect(new Set(held.map(each => each.name))).toEqual(new Set(['aria-label', 'title']));
  });
});

describe('size', () => {
  test('a graph of 1,000 tasks needs at most 1,200 elements at any scale', () => {
    show(pipelineOf(1000));
    expect(host.querySelectorAll('*').length).toBeLessThanOrEqual(1200);
    tasks()[0].focus();
    for (const key of [...Array<string>(14).fill('-'), 'f', ...Array<string>(20).fill('+')]) {
      press(key);
      expect(host.querySelectorAll('*').length).toBeLessThanOrEqual(1200);
    }
  });

  test('a graph of 60 tasks has all of its cards in the document', () => {
    show(pipelineOf(60));
    expect(tasks()).toHaveLength(60);
    expect(host.querySelectorAll('*').length).toBeLessThanOrEqual(1000);
  });

  test('a graph of 1,000 tasks opens where something runs', () => {
    show(pipelineOf(1000));
    expect(tasks().some(item => item.getAttribute('data-tone') === 'running')).toBe(true);
  });

  test('arrows bring cards into being that were out of sight', () => {
    show(pipelineOf(1000));
    tasks()[0].focus();
    const seen = new Set<string | null>();
    // In a view of this size a graph of this shape runs downwards.
    for (let step = 0; step < 30; step++) {
      press('ArrowDown');
      seen.add(document.activeElement?.getAttribute('aria-level') ?? null);
    }
    expect(seen.size).toBeGreaterThan(20);
  });
});

describe('the camera', () => {
  const transform = () => (host.querySelector('.pj-layer') as HTMLElement).style.transform;
  const tree = () => host.querySelector('[role=tree]') as HTMLElement;

  function pointer(type: string, x: number, y: number): void {
    tree().dispatchEvent(new MouseEvent(type, { bubbles: true, button: 0, clientX: x, clientY: y }));
  }

  beforeEach(() => {
    HTMLElement.prototype.setPointerCapture = () => undefined;
    show(chain());
  });

  test('leaves the plain wheel to the notebook and zooms with Ctrl', () => {
    const before = transform();
    const wheel = (ctrlKey: boolean) => {
      const event = new WheelEvent('wheel', { bubbles: true, cancelable: true, deltaY: -100, ctrlKey });
      tree().dispatchEvent(event);
      settle();
      return event.defaultPrevented;
    };
    expect(wheel(false)).toBe(false);
    expect(transform()).toBe(before);
    expect(wheel(true)).toBe(true);
    expect(transform()).not.toBe(before);
  });

  test('follows a drag, which selects nothing', () => {
    const [x, y] = onScreen(task('fit'));
    pointer('pointerdown', 100, 100);
    pointer('pointermove', 130, 90);
    pointer('pointerup', 130, 90);
    pointer('click', 130, 90);
    settle();
    expect(onScreen(task('fit'))).toEqual([x + 30, y - 10]);
    expect(chosen).toEqual([]);
  });

  test('stays where a person put it when its tab is hidden and shown again', () => {
    task('load').focus();
    press('+');
    const before = transform();
    const width = vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(0);
    view.resize();
    width.mockReturnValue(SIZE.width);
    view.resize();
    settle();
    expect(transform()).toBe(before);
  });

  test('shows the whole graph again after the host grew', () => {
    const before = transform();
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(700);
    view.resize();
    settle();
    expect(transform()).not.toBe(before);
  });

  test('goes to a card that is scrolled into sight', () => {
    const [x, y] = onScreen(task('fit'));
    tree().scrollLeft += 50;
    tree().dispatchEvent(new Event('scroll'));
    settle();
    expect(onScreen(task('fit'))).toEqual([x - 50, y]);
  });

  test('turns the flow downwards and back', () => {
    const flat = tasks().map(item => item.style.transform);
    button('.pj-toolbar', 'Change direction').click();
    settle();
    const [load, report] = [onScreen(task('load')), onScreen(task('report'))];
    expect(report[1] - load[1]).toBeGreaterThan(Math.abs(report[0] - load[0]));
    button('.pj-toolbar', 'Change direction').click();
    settle();
    expect(tasks().map(item => item.style.transform)).toEqual(flat);
  });

  test.each(['Fit graph (F)', 'Zoom in (+)'])('cards arrive where they belong when %s is pressed on their way', words => {
    button('.pj-toolbar', 'Change direction').click();
    settle();
    const places = tasks().map(item => item.style.transform);
    button('.pj-toolbar', 'Change direction').click();
    settle();
    button('.pj-toolbar', 'Change direction').click();
    vi.advanceTimersByTime(40);
    button('.pj-toolbar', words).click();
    settle();
    expect(tasks().map(item => item.style.transform)).toEqual(places);
  });

  test('does not glide for who prefers stillness', () => {
    vi.stubGlobal('matchMedia', () => ({ matches: true }));
    const frames = vi.spyOn(window, 'requestAnimationFrame');
    button('.pj-toolbar', 'Tidy').click();
    settle();
    expect(frames).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });
});

describe('at rest', () => {
  test('nothing is scheduled', () => {
    show(chain());
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a running task ticks four times a second and stops with the task', () => {
    const before = show(chain({ clean: { state: 'Running', t0: Date.now() } }));
    expect(vi.getTimerCount()).toBe(1);
    const line = task('clean').querySelector('.pj-words') as HTMLElement;
    const words = line.textContent;
    vi.advanceTimersByTime(1_000);
    expect(line.textContent).not.toBe(words);
    view.update({ ...before, rows: before.rows.map(() => row('Success')) }, [1]);
    settle();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('many updates cost one frame', () => {
    const before = show(chain());
    const frames = vi.spyOn(window, 'requestAnimationFrame');
    for (let k = 0; k < 50; k++) {
      view.update({ ...before, rows: before.rows.map(() => row('Failed')) }, [k % 5]);
    }
    expect(frames).toHaveBeenCalledTimes(1);
  });
});

describe('an update', () => {
  test('of rows changes only their cards', () => {
    const before = show(chain());
    const texts = tasks().map(item => item.textContent);
    view.update({ ...before, rows: before.rows.map(() => row('Failed')) }, [2]);
    settle();
    expect(tasks().map((item, i) => item.textContent === texts[i])).toEqual([true, true, false, true, true]);
  });

  test('of labels alone moves nothing and keeps the focus', () => {
    const before = show(chain());
    task('fit').focus();
    const places = tasks().map(item => item.style.transform);
    show({ ...before, rev: 2, nodes: before.nodes.map(old => ({ ...old, label: '[9]' })) });
    expect(tasks().map(item => item.style.transform)).toEqual(places);
    expect(document.activeElement).toBe(task('fit'));
  });

  test('to no tasks says how to make the first', () => {
    show(chain());
    show(pipeline([], [], []));
    expect(tasks()).toHaveLength(0);
    expect(host.textContent).toContain('%%task');
    show(chain());
    expect(tasks()).toHaveLength(5);
  });

  test('with a cycle names it instead of drawing', () => {
    show(
      pipeline(
        [node('a'), node('b')],
        [
          [0, 1, []],
          [1, 0, []]
        ],
        [row('Pending'), row('Pending')]
      )
    );
    expect(host.textContent).toMatch(/a → b → a|b → a → b/);
  });

  test('after dispose does nothing', () => {
    view.dispose();
    view.update(chain());
    settle();
    expect(host.children).toHaveLength(0);
  });
});

test('dispose gives back every listener, observer, frame and timer', () => {
  view.dispose();
  const held = new Map<string, number>();
  const tally = (by: number) => (type: string) => held.set(type, (held.get(type) ?? 0) + by);
  const [added, removed] = [tally(1), tally(-1)];
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  vi.spyOn(EventTarget.prototype, 'addEventListener').mockImplementation(function (this: EventTarget, ...args) {
    added(args[0]);
    addEventListener.apply(this, args);
  });
  vi.spyOn(EventTarget.prototype, 'removeEventListener').mockImplementation(function (this: EventTarget, ...args) {
    removed(args[0]);
    removeEventListener.apply(this, args);
  });
  let observers = 0;
  class Watch {
    observe(): void {
      observers++;
    }
    disconnect(): void {
      observers--;
    }
  }
  vi.stubGlobal('ResizeObserver', Watch);
  vi.stubGlobal('MutationObserver', Watch);
  const other = made();
  other.update(chain({ clean: { state: 'Running' } }));
  other.select('clean');
  expect(observers).toBe(2);
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  other.dispose();
  expect([...held].filter(([, count]) => count !== 0)).toEqual([]);
  expect(observers).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(host.children).toHaveLength(0);
  vi.unstubAllGlobals();
});
