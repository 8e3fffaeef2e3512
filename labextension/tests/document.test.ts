import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Signal } from '@lumino/signaling';
import { NotebookDocument, QUIET_MS } from '../src/document';

type Listener = ConstructorParameters<typeof NotebookDocument>[0];

class Cell {
  readonly changed = new Signal<this, object>(this);
  readonly sharedModel = this;

  constructor(
    readonly id: string,
    private text: string,
    readonly type = 'code'
  ) {}

  getSource(): string {
    return this.text;
  }

  edit(text: string): void {
    this.text = text;
    this.changed.emit({ sourceChange: [] });
  }
}

class Cells extends Array<Cell> {
  readonly changed = new Signal<this, void>(this);
}

let cells: Cells;
let document_: NotebookDocument;
let settled: ReturnType<typeof vi.fn<() => void>>;

beforeEach(() => {
  vi.useFakeTimers();
  cells = Object.assign(new Cells(), {});
  cells.push(new Cell('a', 'x = 1'), new Cell('m', '# title', 'markdown'), new Cell('b', 'y = 2'));
  settled = vi.fn<() => void>();
  document_ = new NotebookDocument({ cells } as unknown as Listener, settled);
});

afterEach(() => {
  document_.dispose();
  vi.useRealTimers();
});

test('the first telling says everything of the code cells and nothing of the others', () => {
  expect(document_.take()).toEqual({ order: ['a', 'b'], sources: { a: 'x = 1', b: 'y = 2' } });
});

test('after that only what changed is told', () => {
  document_.take();
  cells[2].edit('y = 3');

  expect(document_.take()).toEqual({ order: null, sources: { b: 'y = 3' } });
  expect(document_.take()).toEqual({ order: null, sources: {} });
});

test('a moved cell changes the order and no text', () => {
  document_.take();
  cells.reverse();

  expect(document_.take()).toEqual({ order: ['b', 'a'], sources: {} });
});

test('a cell that became markdown leaves the order', () => {
  document_.take();
  cells[0] = new Cell('a', 'x = 1', 'markdown');

  expect(document_.take()).toEqual({ order: ['b'], sources: {} });
});

test('a kernel that was forgotten is told everything again', () => {
  document_.take();
  document_.forget();

  expect(document_.take().order).toEqual(['a', 'b']);
});

test('typing is waited for, once', () => {
  cells[0].edit('x = 2');
  vi.advanceTimersByTime(QUIET_MS - 1);
  cells[0].edit('x = 23');
  vi.advanceTimersByTime(QUIET_MS - 1);
  expect(settled).not.toHaveBeenCalled();

  vi.advanceTimersByTime(1);

  expect(settled).toHaveBeenCalledTimes(1);
});

test('what was taken before an execution is not told again later', () => {
  cells[0].edit('x = 2');
  document_.take();
  vi.advanceTimersByTime(10 * QUIET_MS);

  expect(settled).not.toHaveBeenCalled();
});

test('a new cell is heard of, and listened to', () => {
  cells.push(new Cell('c', ''));
  cells.changed.emit();
  vi.advanceTimersByTime(QUIET_MS);
  cells[3].edit('z');
  vi.advanceTimersByTime(QUIET_MS);

  expect(settled).toHaveBeenCalledTimes(2);
});

test('outputs are not a change of the document', () => {
  cells[0].changed.emit({ outputsChange: [] });
  vi.advanceTimersByTime(QUIET_MS);

  expect(settled).not.toHaveBeenCalled();
});

test('nothing is heard after dispose, nor from a cell that is gone', () => {
  const [gone] = cells.splice(0, 1);
  cells.changed.emit();
  vi.advanceTimersByTime(QUIET_MS);
  gone.edit('later');
  document_.dispose();
  cells[0].edit('later');
  vi.advanceTimersByTime(QUIET_MS);

  expect(settled).toHaveBeenCalledTimes(1);
});
