/**
 * Order and text of a notebook's code cells, and what of them the kernel has not been told yet.
 * Must not send anything.
 */
import type { CellChange, ISharedCell } from '@jupyter/ydoc';
import type { INotebookModel } from '@jupyterlab/notebook';

/** Typing goes on; so much later the kernel hears of it. */
export const QUIET_MS = 250;

export interface DocumentChange {
  /** Ids of the code cells from top to bottom; null when it is as before. */
  readonly order: readonly string[] | null;
  readonly sources: Readonly<Record<string, string>>;
}

export class NotebookDocument {
  private told: { order: string; texts: Map<string, string> } | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watched = new Set<ISharedCell>();
  private over = false;

  /** `settled` is called a moment after the last of a series of changes. */
  constructor(
    private readonly model: INotebookModel,
    private readonly settled: () => void
  ) {
    model.cells.changed.connect(this.restructured, this);
    this.watch();
  }

  /** What the kernel does not know yet; it counts as told from now on. */
  take(): DocumentChange {
    clearTimeout(this.timer);
    const order: string[] = [];
    const texts = new Map<string, string>();
    for (const cell of this.model.cells) {
      if (cell.type === 'code') {
        order.push(cell.id);
        texts.set(cell.id, cell.sharedModel.getSource());
      }
    }
    const before = this.told;
    const key = JSON.stringify(order);
    const changed = [...texts].filter(([id, text]) => before?.texts.get(id) !== text);
    this.told = { order: key, texts };
    return { order: before?.order === key ? null : order, sources: Object.fromEntries(changed) };
  }

  /** Another kernel, or one that lost a message: it must be told everything. */
  forget(): void {
    this.told = null;
  }

  dispose(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.model.cells?.changed.disconnect(this.restructured, this);
    for (const cell of this.watched) {
      cell.changed.disconnect(this.edited, this);
    }
    this.watched.clear();
  }

  private restructured(): void {
    this.watch();
    this.wait();
  }

  private watch(): void {
    const present = new Set<ISharedCell>([...this.model.cells].map(cell => cell.sharedModel));
    for (const cell of this.watched) {
      if (!present.has(cell)) {
        cell.changed.disconnect(this.edited, this);
        this.watched.delete(cell);
      }
    }
    for (const cell of present) {
      if (!this.watched.has(cell)) {
        cell.changed.connect(this.edited, this);
        this.watched.add(cell);
      }
    }
  }

  /** Outputs are a change of the cell as well, and none of our business. */
  private edited(_: ISharedCell, change: CellChange): void {
    if (change.sourceChange) {
      this.wait();
    }
  }

  private wait(): void {
    if (!this.over) {
      clearTimeout(this.timer);
      this.timer = setTimeout(this.settled, QUIET_MS);
    }
  }
}
