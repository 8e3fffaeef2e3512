/**
 * The cards: a pool of elements of which as many are shown as tasks are in sight.
 * Must not decide which tasks those are, nor listen to events.
 */
import type { TaskNode, TaskRow } from '../model';
import { element, setAttribute, setText } from './element';
import { Now, accessibleName, cardLine, shortLine, verdictText } from './format';
import { stateIcon } from './icons';
import { doubtOf, toneOf } from './status';
import type { Side } from './topology';

interface Card {
  readonly root: HTMLElement;
  readonly badge: HTMLElement;
  readonly name: HTMLElement;
  readonly line: HTMLElement;
  readonly tag: HTMLElement;
  readonly words: HTMLElement;
  bar: HTMLElement | null;
  i: number;
}

/** How a card stands out from the others. */
export interface Mark {
  readonly dim: boolean;
  readonly side: Side | null;
  readonly selected: boolean;
  /** The one card that Tab reaches. */
  readonly tabbable: boolean;
}

/** Its place in the tree, as assistive technology tells it: the layer, and the place within the layer. */
export interface TreePlace {
  readonly level: number;
  readonly position: number;
  readonly size: number;
}

export class Cards {
  private readonly shown = new Map<number, Card>();
  private readonly indexes = new WeakMap<Element, number>();
  private readonly spare: Card[] = [];

  constructor(private readonly layer: HTMLElement) {}

  /** The tasks that have a card now. */
  get live(): Iterable<number> {
    return this.shown.keys();
  }

  has(i: number): boolean {
    return this.shown.has(i);
  }

  elementOf(i: number): HTMLElement | null {
    return this.shown.get(i)?.root ?? null;
  }

  /** The task whose card an event came from, or -1. */
  indexAt(target: EventTarget | null): number {
    const card = target instanceof Element ? target.closest('.pj-card') : null;
    return (card && this.indexes.get(card)) ?? -1;
  }

  /** Show cards for exactly these tasks and return the ones that are new, which the caller has to fill. */
  show(wanted: ReadonlySet<number>): number[] {
    for (const [i, card] of this.shown) {
      if (!wanted.has(i)) {
        card.root.hidden = true;
        this.indexes.delete(card.root);
        this.shown.delete(i);
        this.spare.push(card);
      }
    }
    const fresh: number[] = [];
    for (const i of wanted) {
      if (!this.shown.has(i)) {
        const card = this.spare.pop() ?? this.make();
        card.root.hidden = false;
        card.i = i;
        this.indexes.set(card.root, i);
        this.shown.set(i, card);
        fresh.push(i);
      }
    }
    return fresh;
  }

  /** Put every card away, as when the tasks have new indexes. */
  clear(): void {
    this.show(new Set());
  }

  move(i: number, x: number, y: number): void {
    const card = this.shown.get(i);
    if (card) {
      card.root.style.transform = `translate(${x}px, ${y}px)`;
    }
  }

  /** What does not change with the state. */
  title(i: number, node: TaskNode, place: TreePlace, compact: boolean): void {
    const card = this.shown.get(i);
    if (!card) {
      return;
    }
    setText(card.name, compact && node.total === 0 ? inTwoLines(node.name) : node.name);
    card.root.classList.toggle('pj-mapped', node.total > 0);
    setAttribute(card.root, 'aria-level', String(place.level));
    setAttribute(card.root, 'aria-posinset', String(place.position));
    setAttribute(card.root, 'aria-setsize', String(place.size));
  }

  /** What changes with the state. */
  paint(i: number, node: TaskNode, row: TaskRow, now: Now): void {
    const card = this.shown.get(i);
    if (!card) {
      return;
    }
    const doubt = doubtOf(row);
    setAttribute(card.root, 'data-tone', toneOf(row.state));
    setAttribute(card.root, 'data-doubt', doubt ?? '');
    setAttribute(card.root, 'aria-label', accessibleName(node, row));
    setAttribute(card.root, 'title', [node.name, row.note, doubt && verdictText(row)].filter(Boolean).join('\n'));
    const picture = `var(--pj-icon-${stateIcon(row.state)})`;
    if (card.badge.style.getPropertyValue('--pj-icon') !== picture) {
      card.badge.style.setProperty('--pj-icon', picture);
    }
    setText(card.tag, doubt ?? '');
    setText(card.words, doubt === null ? cardLine(node, row, now) : shortLine(node, row, now));
    if (node.total > 0) {
      card.bar ??= element('span', 'pj-segments', card.root);
      fill(card.bar, node, row);
    }
  }

  /** The words alone, for the clock's tick. */
  tick(i: number, node: TaskNode, row: TaskRow, now: Now): void {
    const card = this.shown.get(i);
    if (card) {
      setText(card.words, cardLine(node, row, now));
    }
  }

  mark(i: number, mark: Mark): void {
    const card = this.shown.get(i);
    if (!card) {
      return;
    }
    card.root.classList.toggle('pj-dim', mark.dim);
    card.root.classList.toggle('pj-up', mark.side === 'up');
    card.root.classList.toggle('pj-down', mark.side === 'down');
    card.root.classList.toggle('pj-selected', mark.selected);
    setAttribute(card.root, 'aria-selected', String(mark.selected));
    card.root.tabIndex = mark.tabbable ? 0 : -1;
  }

  private make(): Card {
    const root = element('div', 'pj-card', this.layer);
    root.setAttribute('role', 'treeitem');
    const badge = element('span', 'pj-badge', root);
    const name = element('span', 'pj-name', root);
    const line = element('span', 'pj-line', root);
    const tag = element('span', 'pj-tag', line);
    const words = element('span', 'pj-words', line);
    return { root, badge, name, line, tag, words, bar: null, i: -1 };
  }
}

/** Show how many children of a mapped task ended well, run and failed; a bar is one element, its parts a gradient. */
export function fill(bar: HTMLElement, node: TaskNode, row: TaskRow): void {
  let end = 0;
  for (const [part, value] of [
    ['done', row.done],
    ['running', row.running],
    ['failed', row.failed]
  ] as const) {
    // One in a thousand is still to be seen.
    end += value > 0 ? Math.max(2, (100 * value) / Math.max(1, node.total)) : 0;
    const edge = `${Math.min(100, end).toFixed(1)}%`;
    if (bar.style.getPropertyValue(`--pj-${part}-end`) !== edge) {
      bar.style.setProperty(`--pj-${part}-end`, edge);
    }
  }
}

/** A long name broken after the underscore nearest its middle, for cards that are read from afar. */
export function inTwoLines(name: string): string {
  const middle = name.length / 2;
  let best = 0;
  for (let at = name.indexOf('_'); at >= 0; at = name.indexOf('_', at + 1)) {
    const after = at + 1;
    if (after < name.length && Math.abs(after - middle) < Math.abs(best - middle)) {
      best = after;
    }
  }
  return name.length > 11 && best > 0 ? `${name.slice(0, best)}\n${name.slice(best)}` : name;
}
