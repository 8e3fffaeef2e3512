import '../browser';
import { Signal } from '@lumino/signaling';
import { PanelLayout, Widget } from '@lumino/widgets';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Chips } from '../../src/cells/chips';
import { writeOutput } from '../../src/cells/outputs';
import { savedPipeline } from '../../src/cells/saved';
import type { Action, Pipeline } from '../../src/model';
import { MIME, OutputMessage } from '../../src/protocol';
import { EMPTY, Stream, reduce } from '../../src/reducer';
import { SNAP } from '../kernel';

const START: Stream = { pipeline: EMPTY, seq: null, changed: null };
const FLIGHTS = (reduce(START, SNAP, Date.now()) as Stream).pipeline;

class Cell extends Widget {
  readonly outputs: unknown[] = [];
  readonly model;

  constructor(id: string, type = 'code') {
    super();
    const { outputs } = this;
    const list = { clear: () => (outputs.length = 0), add: (output: unknown) => outputs.push(output) };
    this.model = { id, type, outputs: list };
    this.layout = new PanelLayout();
    (this.layout as PanelLayout).addWidget(new Widget());
  }
}

class FakeNotebook {
  readonly cells = { changed: new Signal<object, void>(this) };
  readonly model = { cells: this.cells };
  isDisposed = false;

  constructor(public widgets: Cell[]) {}
}

let notebook: FakeNotebook;
let chips: Chips;
let acts: Action[];

const chipOf = (index: number) => notebook.widgets[index].node.querySelector<HTMLElement>('.pj-cell-chip');
const buttonsOf = (index: number) =>
  [...(chipOf(index)?.querySelectorAll<HTMLButtonElement>('button') ?? [])].filter(each => !each.hidden);

function running(index: number): Pipeline {
  const rows = FLIGHTS.rows.map((row, i) => (i === index ? { ...row, state: 'Running' as const, t1: null, note: '' } : row));
  return { ...FLIGHTS, rows };
}

beforeEach(() => {
  vi.useFakeTimers();
  notebook = new FakeNotebook([new Cell('plain'), new Cell('cell-1'), new Cell('cell-2'), new Cell('cell-3')]);
  acts = [];
  chips = new Chips(notebook as unknown as ConstructorParameters<typeof Chips>[0], action => acts.push(action));
  chips.update(FLIGHTS, null);
});

afterEach(() => {
  chips.dispose();
  vi.useRealTimers();
});

test('a task cell tells its name, state, time and names; a plain cell tells nothing', () => {
  expect(chipOf(0)).toBeNull();
  expect(chipOf(1)?.textContent).toContain('load · Success · 1.2 s · out: raw');
  expect(chipOf(2)?.textContent).toContain("KeyError: 'dep'");
  expect(chipOf(3)?.textContent).toContain('fit · not run: `clean` failed');
});

test('the chip is the first thing in the cell and its tone is on the cell', () => {
  expect((notebook.widgets[1].layout as PanelLayout).widgets[0].hasClass('pj-cell-chip')).toBe(true);
  expect(notebook.widgets.map(cell => cell.node.getAttribute('data-pj-tone'))).toEqual([null, 'success', 'failed', 'blocked']);
});

test('it is named for assistive technology, and says why it is not fresh', () => {
  expect(chipOf(2)?.getAttribute('aria-label')).toBe("clean, Failed, stale: failed, KeyError: 'dep'");
  expect(chipOf(3)?.title).toContain('`clean` failed');
});

test('its buttons act on its task', () => {
  expect(buttonsOf(1).map(each => each.textContent)).toEqual(['Rerun', 'Run from here']);
  expect(buttonsOf(2).map(each => each.textContent)).toEqual(['Retry failed', 'Run from here']);

  buttonsOf(2)[0].click();

  expect(acts).toEqual([{ verb: 'retry_failed', tasks: ['t2'] }]);
});

test('a running task counts its time and can be cancelled', () => {
  chips.update(running(0), [0]);
  const before = chipOf(1)?.textContent;
  vi.advanceTimersByTime(5_000);

  expect(chipOf(1)?.textContent).not.toBe(before);
  expect(buttonsOf(1).map(each => each.textContent)).toContain('Cancel');
});

test('without a kernel the buttons are dead', () => {
  chips.update({ ...FLIGHTS, connected: false }, null);

  expect(buttonsOf(1).every(each => each.disabled)).toBe(true);
});

test('a row that did not change is not touched', () => {
  const label = chipOf(1)?.querySelector('.pj-cell-words') as HTMLElement;
  label.textContent = 'untouched';

  chips.update(running(1), [1]);

  expect(label.textContent).toBe('untouched');
  expect(chipOf(2)?.textContent).toContain('Running');
});

test('a cell that is made again gets its chip again', async () => {
  notebook.widgets[1] = new Cell('cell-1');
  notebook.cells.changed.emit();
  await Promise.resolve();

  expect(chipOf(1)?.textContent).toContain('load');
});

test('a cell that is no task any more loses its chip', () => {
  chips.update({ ...FLIGHTS, nodes: FLIGHTS.nodes.slice(0, 2), rows: FLIGHTS.rows.slice(0, 2), edges: [] }, null);

  expect(chipOf(3)).toBeNull();
  expect(notebook.widgets[3].node.hasAttribute('data-pj-tone')).toBe(false);
});

test('who does not want chips has none', () => {
  chips.setShown(false);
  expect(notebook.widgets.map((_, i) => chipOf(i))).toEqual([null, null, null, null]);

  chips.setShown(true);
  expect(chipOf(1)).not.toBeNull();
});

test('nothing is left after dispose', async () => {
  chips.update(running(0), [0]);
  chips.dispose();
  notebook.cells.changed.emit();
  await Promise.resolve();

  expect(notebook.widgets.map((_, i) => chipOf(i))).toEqual([null, null, null, null]);
  expect(vi.getTimerCount()).toBe(0);
});

test('markup in names and notes stays text', () => {
  const attack = '<img src=x onerror=alert(1)>';
  const nodes = FLIGHTS.nodes.map(node => ({ ...node, name: attack, reads: [attack] }));
  chips.update({ ...FLIGHTS, nodes, rows: FLIGHTS.rows.map(row => ({ ...row, note: attack, reason: attack })) }, null);

  expect(document.querySelector('img') ?? notebook.widgets[1].node.querySelector('img')).toBeNull();
  expect(chipOf(1)?.textContent).toContain(attack);
});

test('outputs go to the cell that they belong to', () => {
  const model = { cells: notebook.widgets.map(cell => cell.model) } as unknown as Parameters<typeof writeOutput>[0];
  const stream = { output_type: 'stream', name: 'stdout', text: 'hi' };
  const write = (changes: Partial<OutputMessage>) =>
    writeOutput(model, { type: 'output', cell: 'cell-1', op: 'append', output: stream, ...changes });

  expect([write({}), write({}), write({ cell: 'gone' }), write({ output: 'no output' })]).toEqual([true, true, false, true]);
  expect(notebook.widgets[1].outputs).toEqual([stream, stream]);

  write({ op: 'clear', output: null });
  expect(notebook.widgets[1].outputs).toEqual([]);
});

test('the pipeline that a notebook was saved with is that of its last graph', () => {
  const cell = (outputs: unknown[], type = 'code') => ({ type, outputs: { toJSON: () => outputs } });
  const graph = (title: unknown) => ({ output_type: 'display_data', data: { [MIME]: { ...SNAP, saved: true, title } } });
  const model = (...cells: unknown[]) => ({ cells }) as unknown as Parameters<typeof savedPipeline>[0];

  const saved = savedPipeline(model(cell([graph('first')]), cell([{ output_type: 'stream' }, graph('last')]), cell([], 'markdown')));

  expect(saved).toMatchObject({ title: 'last', connected: false });
  expect(saved?.nodes).toHaveLength(3);
  expect(savedPipeline(model(cell([])))).toBeNull();
  expect(savedPipeline(model(cell([{ output_type: 'display_data', data: { [MIME]: { type: 'snap' } } }])))).toBeNull();
});

test('the chip of a task from the cache tells when its result was made and what it saved', () => {
  const cached = { ...FLIGHTS.rows[0], state: 'Cached' as const, verdict: 'fresh' as const, reason: '', note: 'Tue 14:02 · 48 s saved' };
  chips.update({ ...FLIGHTS, rows: [cached, ...FLIGHTS.rows.slice(1)] }, [0]);

  const shown = [...(chipOf(1)?.querySelectorAll('.pj-cell-words, .pj-cell-reason') ?? [])].map(each => each.textContent);
  expect(shown.join('')).toBe('load · Cached · Tue 14:02 · 48 s saved');
});

test('the chip of a task that a person accepted says so', () => {
  const accepted = { ...FLIGHTS.rows[0], verdict: 'accepted' as const, reason: 'accepted by you 14:02', note: '' };
  chips.update({ ...FLIGHTS, rows: [accepted, ...FLIGHTS.rows.slice(1)] }, [0]);

  const shown = [...(chipOf(1)?.querySelectorAll('.pj-cell-words, .pj-cell-reason') ?? [])].map(each => each.textContent);
  expect(shown.join('')).toMatch(/^load · Success · [\d.]+ s · accepted by you 14:02$/);
  expect(chipOf(1)?.getAttribute('aria-label')).toContain('accepted by you 14:02');
});
