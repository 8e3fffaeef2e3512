/**
 * The tasks as a list in notebook order, with the lines that join them: elements, and nothing that decides.
 * Must not act; it says what was clicked.
 */
import { button, element, icon, setAttribute, setText } from '../graph/element';
import { accessibleName, progress, timeText } from '../graph/format';
import { stateIcon } from '../graph/icons';
import { doubtOf, toneOf, verbsFor } from '../graph/status';
import { verbButtons } from '../graph/verbs';
import type { Pipeline, TaskNode, TaskRow, Verb } from '../model';
import { reasonBesideTag } from '../remark';
import { lanesOf } from './lanes';

export const ROW_PX = 44;
const LANE_PX = 14;
const LEFT_PX = 12;
const SVG = 'http://www.w3.org/2000/svg';

const VERBS = verbButtons('retry_failed', 'resume', 'retry_now', 'rerun', 'run_from', 'reveal', 'cancel');

export interface Row {
  readonly root: HTMLElement;
  readonly badge: HTMLElement;
  readonly name: HTMLElement;
  readonly label: HTMLElement;
  readonly line: HTMLElement;
  readonly doubt: HTMLElement;
  readonly time: HTMLElement;
}

export class Rows {
  readonly root: HTMLElement;
  private readonly lines: SVGSVGElement;
  private readonly buttons: HTMLElement;
  private readonly verbs = new Map<Verb, HTMLButtonElement>();
  private rows: Row[] = [];
  private shape = '';
  private held = -1;

  constructor(parent: HTMLElement, act: (verb: Verb, index: number) => void) {
    this.root = element('div', 'pj-rows', parent);
    this.root.setAttribute('role', 'tree');
    this.root.setAttribute('aria-label', 'Tasks in notebook order');
    this.lines = document.createElementNS(SVG, 'svg');
    this.lines.setAttribute('class', 'pj-lines');
    this.lines.setAttribute('aria-hidden', 'true');
    // One set of buttons goes to the row under the pointer or the focus: a long list stays small.
    this.buttons = element('div', 'pj-row-buttons');
    for (const { verb, icon: picture, words, title } of VERBS) {
      const made = button(picture, words, this.buttons, 'pj-row-button');
      made.title = title;
      made.addEventListener('click', event => {
        event.stopPropagation();
        act(verb, this.held);
      });
      this.verbs.set(verb, made);
    }
  }

  get length(): number {
    return this.rows.length;
  }

  /** The index of the row that holds `target`, or -1. */
  indexOf(target: EventTarget | null): number {
    const found = target instanceof Element ? target.closest('.pj-row') : null;
    return this.rows.findIndex(row => row.root === found);
  }

  element(index: number): HTMLElement | null {
    return this.rows[index]?.root ?? null;
  }

  /** Show the tasks; rows are made again only where the tasks or their connections differ. */
  show(pipeline: Pipeline): void {
    const shape = JSON.stringify([pipeline.nodes.map(node => node.id), pipeline.edges]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.build(pipeline);
    }
    pipeline.nodes.forEach((node, i) => {
      setText(this.rows[i].name, node.name);
      setText(this.rows[i].label, node.label);
    });
  }

  patch(index: number, pipeline: Pipeline, now: number): void {
    const [view, node, row] = [this.rows[index], pipeline.nodes[index], pipeline.rows[index]];
    setAttribute(view.root, 'data-tone', toneOf(row.state));
    setAttribute(view.root, 'aria-label', accessibleName(node, row));
    view.badge.style.setProperty('--pj-icon', `var(--pj-icon-${stateIcon(row.state)})`);
    setText(view.line, rowLine(node, row));
    const doubt = doubtOf(row);
    setText(view.doubt, doubt ?? '');
    view.doubt.hidden = doubt === null;
    view.root.title = [row.note, row.reason].filter(Boolean).join('\n');
    this.tick(index, row, now);
    if (index === this.held) {
      this.offer(row, pipeline.connected);
    }
  }

  tick(index: number, row: TaskRow, now: number): void {
    setText(this.rows[index].time, timeText(row, now));
  }

  /** Give the buttons to one row, or to none with -1. */
  hold(index: number, pipeline: Pipeline): void {
    this.held = index;
    const row = this.rows[index];
    if (!row) {
      this.buttons.remove();
      return;
    }
    if (this.buttons.parentElement !== row.root) {
      row.root.append(this.buttons);
    }
    this.offer(pipeline.rows[index], pipeline.connected);
  }

  select(index: number): void {
    this.rows.forEach((row, i) => setAttribute(row.root, 'aria-selected', String(i === index)));
  }

  /** The one row that Tab reaches. */
  focusable(index: number): void {
    this.rows.forEach((row, i) => (row.root.tabIndex = i === index ? 0 : -1));
  }

  dim(isDim: (index: number) => boolean): void {
    this.rows.forEach((row, i) => row.root.classList.toggle('pj-dim', isDim(i)));
  }

  private offer(row: TaskRow, connected: boolean): void {
    const offered = verbsFor(row);
    for (const { verb } of VERBS) {
      const target = this.verbs.get(verb);
      if (target) {
        // A failed task is retried; rerunning it would be the same click under another name.
        target.hidden = !offered.has(verb) || (verb === 'rerun' && offered.has('retry_failed'));
        target.disabled = !connected && verb !== 'reveal';
      }
    }
  }

  private build(pipeline: Pipeline): void {
    const hadFocus = this.root.contains(document.activeElement);
    this.buttons.remove();
    this.root.textContent = '';
    const lanes = lanesOf(pipeline.nodes.length, pipeline.edges);
    const left = LEFT_PX + (Math.max(0, ...lanes) + 1) * LANE_PX;
    this.rows = pipeline.nodes.map((_, i) => {
      const root = element('div', 'pj-row', this.root);
      root.setAttribute('role', 'treeitem');
      root.setAttribute('aria-level', '1');
      root.setAttribute('aria-posinset', String(i + 1));
      root.setAttribute('aria-setsize', String(pipeline.nodes.length));
      root.style.paddingLeft = `${left + 10}px`;
      const badge = icon('clock', root);
      badge.classList.add('pj-row-badge');
      badge.style.left = `${centre(lanes[i]) - 8}px`;
      const words = element('div', 'pj-row-words', root);
      const first = element('div', 'pj-row-first', words);
      const name = element('span', 'pj-row-name', first);
      const label = element('span', 'pj-row-label', first);
      const time = element('span', 'pj-row-time', first);
      const second = element('div', 'pj-row-second', words);
      const doubt = element('span', 'pj-doubt', second);
      return { root, badge, name, label, line: element('span', 'pj-row-line', second), doubt, time };
    });
    this.draw(pipeline, lanes, left);
    this.held = -1;
    if (hadFocus) {
      this.rows[0]?.root.focus();
    }
  }

  private draw(pipeline: Pipeline, lanes: readonly number[], width: number): void {
    this.lines.textContent = '';
    const height = lanes.length * ROW_PX;
    this.lines.setAttribute('width', String(width));
    this.lines.setAttribute('height', String(height));
    for (const [source, target] of pipeline.edges) {
      if (source < target && target < lanes.length) {
        const path = document.createElementNS(SVG, 'path');
        path.setAttribute('d', connector(centre(lanes[source]), source, centre(lanes[target]), target));
        this.lines.append(path);
      }
    }
    this.root.prepend(this.lines);
  }
}

/** The state is in the icon as well: where a doubt is told, that takes its place. */
function rowLine(node: TaskNode, row: TaskRow): string {
  const isTold = (row.state === 'TriggerFailed' && row.note !== '') || (doubtOf(row) !== null && row.reason !== '');
  return [isTold ? '' : progress(node, row), reasonBesideTag(row) || row.note].filter(Boolean).join(' · ');
}

function centre(lane: number): number {
  return LEFT_PX + lane * LANE_PX + LANE_PX / 2;
}

function connector(x0: number, source: number, x1: number, target: number): string {
  const [y0, y1] = [(source + 0.5) * ROW_PX, (target + 0.5) * ROW_PX];
  const bend = y1 - ROW_PX * 0.8;
  const middle = y1 - ROW_PX * 0.4;
  return x0 === x1 ? `M${x0} ${y0}V${y1}` : `M${x0} ${y0}V${bend}C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
}
