/**
 * A chip and a state bar on every task cell of one notebook.
 * Must not change the content factory or the cells' models: it adds a widget to a cell and takes it away again.
 */
import type { Cell } from '@jupyterlab/cells';
import type { Notebook } from '@jupyterlab/notebook';
import type { PanelLayout } from '@lumino/widgets';
import { Lifetime } from '../graph/lifetime';
import { isActive, toneOf } from '../graph/status';
import type { Action, Pipeline } from '../model';
import { EMPTY } from '../reducer';
import { Chip } from './chip';

const TICK_MS = 250;

export class Chips {
  private readonly life = new Lifetime();
  private readonly chips = new Map<Cell, { chip: Chip; index: number }>();
  private readonly tickWhile: (on: boolean) => void;
  private pipeline: Pipeline = EMPTY;
  private shown = true;

  constructor(
    private readonly notebook: Notebook,
    private readonly act: (action: Action) => void
  ) {
    this.tickWhile = this.life.ticker(TICK_MS, () => this.tick());
    // Cells are replaced when their type changes or they are moved: the widget goes with them.
    notebook.model?.cells.changed.connect(this.rearranged, this);
    this.life.add(() => notebook.model?.cells.changed.disconnect(this.rearranged, this));
  }

  /** A person may not want to see them. */
  setShown(shown: boolean): void {
    this.shown = shown;
    this.draw(null);
  }

  update(pipeline: Pipeline, changed: readonly number[] | null): void {
    this.pipeline = pipeline;
    this.draw(changed);
  }

  dispose(): void {
    this.life.end();
    for (const cell of [...this.chips.keys()]) {
      this.remove(cell);
    }
  }

  private rearranged(): void {
    // The widgets of new cells are made after this signal.
    queueMicrotask(() => this.draw(null));
  }

  private draw(changed: readonly number[] | null): void {
    if (this.life.ended || this.notebook.isDisposed) {
      return;
    }
    const { nodes, rows } = this.pipeline;
    if (changed === null) {
      this.place();
    }
    const dirty = changed && new Set(changed);
    for (const [cell, { chip, index }] of this.chips) {
      if (dirty === null || dirty.has(index)) {
        cell.node.setAttribute('data-pj-tone', toneOf(rows[index].state));
        chip.describe(nodes[index], rows[index], this.now(), this.pipeline.connected);
      }
    }
    this.tickWhile(this.pipeline.connected && rows.some(isActive));
  }

  /** Give a chip to each task cell and take it from all others. */
  private place(): void {
    const cells = new Map(this.notebook.widgets.map(cell => [cell.model.id, cell]));
    const wanted = new Map<Cell, number>();
    if (this.shown) {
      this.pipeline.nodes.forEach((node, index) => {
        const cell = cells.get(node.cell);
        if (cell) {
          wanted.set(cell, index);
        }
      });
    }
    for (const cell of [...this.chips.keys()]) {
      if (!wanted.has(cell)) {
        this.remove(cell);
      }
    }
    for (const [cell, index] of wanted) {
      const chip = this.chips.get(cell)?.chip ?? this.add(cell);
      this.chips.set(cell, { chip, index });
    }
  }

  private add(cell: Cell): Chip {
    const chip = new Chip(verb => {
      const node = this.pipeline.nodes[this.chips.get(cell)?.index ?? -1];
      if (node) {
        this.act({ verb, tasks: [node.id] });
      }
    });
    cell.addClass('pj-task-cell');
    cell.addClass('pj-theme');
    (cell.layout as PanelLayout).insertWidget(0, chip);
    return chip;
  }

  private remove(cell: Cell): void {
    this.chips.get(cell)?.chip.dispose();
    this.chips.delete(cell);
    cell.removeClass('pj-task-cell');
    cell.removeClass('pj-theme');
    cell.node.removeAttribute('data-pj-tone');
  }

  private tick(): void {
    for (const { chip, index } of this.chips.values()) {
      if (isActive(this.pipeline.rows[index])) {
        chip.tick(this.pipeline.nodes[index], this.pipeline.rows[index], this.now());
      }
    }
  }

  private now(): number {
    return Date.now() + this.pipeline.clock;
  }
}
