/**
 * The pane beside the graph: one task's facts, its neighbours, and the buttons that act on it.
 * Must not outlive a selection with the wrong task: what it shows is set as a whole or patched for the same task.
 */
import type { AskAttempts, AskCache, Pipeline, TaskRow, Verb } from '../model';
import { Attempts } from './attempts';
import { fill } from './cards';
import { button, element, icon, iconButton, setAttribute, setText } from './element';
import { Now, cachedText, count, duration, elapsed, reasonsIn, summaryLine, verdictText } from './format';
import { setEnabled } from './header';
import { stateIcon } from './icons';
import type { Lifetime } from './lifetime';
import { isActive, toneOf, verbsFor } from './status';
import { VERB_BUTTONS } from './verbs';
import { Lineage, Topology, edgesAt } from './topology';

export interface DetailsEvents {
  act(verb: Verb): void;
  go(i: number): void;
  /** All reasons for the verdict on a task, in the kernel's words; empty when there is nobody to ask. */
  why(i: number): Promise<string>;
  cache: AskCache;
  attempts: AskAttempts;
  close(): void;
}

const FACTS = ['State', 'Verdict', 'Why', 'Note', 'Duration', 'Attempt', 'Cell', 'Reads', 'Writes', 'Cached', 'Lineage'] as const;

type Fact = (typeof FACTS)[number];

/** How often the log of a task that runs is asked for. */
const BEAT_MS = 2_000;

/** Neighbours listed before the rest becomes a number. */
const LISTED_MAX = 8;

interface Neighbour {
  readonly i: number;
  readonly root: HTMLElement;
  readonly icon: HTMLElement;
  readonly time: HTMLElement;
}

export class Details {
  readonly root: HTMLElement;
  private readonly head: HTMLElement;
  private readonly badge: HTMLElement;
  private readonly name: HTMLElement;
  private readonly line: HTMLElement;
  private readonly buttons = new Map<Verb, HTMLButtonElement>();
  private readonly facts = new Map<Fact, { term: HTMLElement; value: HTMLElement }>();
  private readonly mapped: HTMLElement;
  private readonly mappedCount: HTMLElement;
  private readonly mappedBar: HTMLElement;
  private readonly clear: HTMLButtonElement;
  private readonly lists: HTMLElement;
  private readonly attempts: Attempts;
  private neighbours: Neighbour[] = [];
  private shown: string | null = null;
  /** What the kernel was last asked to explain. */
  private question = '';
  /** The task and run whose size in the cache was asked for last. */
  private weighed = '';
  private readonly targets = new WeakMap<Element, number>();

  constructor(
    parent: HTMLElement,
    life: Lifetime,
    private readonly events: DetailsEvents
  ) {
    this.root = element('aside', 'pj-details', parent);
    this.root.setAttribute('aria-label', 'Task details');
    this.root.hidden = true;
    this.head = element('div', 'pj-details-head', this.root);
    this.badge = element('span', 'pj-badge', this.head);
    const words = element('div', 'pj-details-words', this.head);
    this.name = element('h3', '', words);
    this.line = element('p', '', words);
    life.listen(iconButton('close', 'Close (Esc)', this.head), 'click', () => events.close());
    const actions = element('div', 'pj-actions', this.root);
    for (const each of VERB_BUTTONS) {
      const made = button(each.icon, each.words, actions);
      made.classList.add(`pj-verb-${each.verb}`);
      life.listen(made, 'click', () => events.act(each.verb));
      this.buttons.set(each.verb, made);
    }
    const facts = element('dl', 'pj-facts', this.root);
    for (const fact of FACTS) {
      this.facts.set(fact, { term: element('dt', '', facts, fact), value: element('dd', '', facts) });
    }
    this.clear = button('close', 'Clear cached results', this.root, 'pj-button pj-clear-cache');
    life.listen(this.clear, 'click', () => events.act('cache_delete'));
    this.mapped = element('section', 'pj-section', this.root);
    this.mappedCount = heading(this.mapped, 'Mapped runs');
    this.mappedBar = element('div', 'pj-segments', this.mapped);
    this.lists = element('div', '', this.root);
    this.attempts = new Attempts(this.root, life, events.attempts);
    life.listen(this.lists, 'click', event => {
      const link = event.target instanceof Element ? event.target.closest('.pj-neighbour') : null;
      const i = link ? this.targets.get(link) : undefined;
      if (i !== undefined) {
        events.go(i);
      }
    });
    life.listen(this.root, 'keydown', event => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        events.close();
      }
    });
  }

  hide(): void {
    this.question = this.weighed = '';
    this.attempts.forget();
    this.root.hidden = true;
    this.shown = null;
  }

  /** Show another task, or the same one in a new graph. */
  show(i: number, pipeline: Pipeline, topology: Topology, lineage: Lineage, now: Now): void {
    const node = pipeline.nodes[i];
    this.root.hidden = false;
    setText(this.name, node.name);
    this.fact('Cell', node.label);
    this.fact('Reads', node.reads.join(', '));
    this.fact('Writes', node.writes.join(', '));
    this.fact('Lineage', `${count(lineage.up)} up · ${count(lineage.down)} down`);
    this.mapped.hidden = node.total === 0;
    this.lists.textContent = '';
    this.neighbours = [];
    this.list('Upstream', edgesAt(topology.entering, i), topology.src, pipeline);
    this.list('Downstream', edgesAt(topology.leaving, i), topology.dst, pipeline);
    this.patch(i, pipeline, now);
    if (this.shown !== node.id) {
      this.shown = node.id;
      this.root.scrollTop = 0;
    }
  }

  /** The same task after rows changed. */
  patch(i: number, pipeline: Pipeline, now: Now): void {
    const [node, row] = [pipeline.nodes[i], pipeline.rows[i]];
    setAttribute(this.head, 'data-tone', toneOf(row.state));
    this.badge.style.setProperty('--pj-icon', `var(--pj-icon-${stateIcon(row.state)})`);
    this.fact('State', row.state);
    this.fact('Verdict', row.verdict);
    this.explain(i, pipeline);
    this.weigh(i, pipeline);
    this.fact('Note', row.note);
    this.fact('Attempt', row.attempt > 1 ? String(row.attempt) : '');
    const verbs = verbsFor(row);
    for (const { verb, title } of VERB_BUTTONS) {
      const target = this.buttons.get(verb);
      if (target) {
        target.hidden = !verbs.has(verb);
        setEnabled(target, pipeline.connected, true, title);
        if (verb === 'unpin') {
          setText(target.lastElementChild as HTMLElement, row.verdict === 'accepted' ? 'Take back' : 'Unpin');
        }
      }
    }
    if (node.total > 0) {
      setText(this.mappedCount, `${count(row.done + row.failed)} / ${count(node.total)}`);
      fill(this.mappedBar, node, row);
    }
    for (const { i: j, root, icon: picture } of this.neighbours) {
      setAttribute(root, 'data-tone', toneOf(pipeline.rows[j].state));
      const { state } = pipeline.rows[j];
      setAttribute(root, 'aria-label', `${pipeline.nodes[j].name}, ${state}, ${verdictText(pipeline.rows[j])}`);
      picture.style.setProperty('--pj-icon', `var(--pj-icon-${stateIcon(pipeline.rows[j].state)})`);
    }
    this.tick(i, pipeline, now);
  }

  /** What is cached may be another now. */
  outdate(): void {
    this.weighed += ' before';
  }

  /** The times alone. */
  tick(i: number, pipeline: Pipeline, now: Now): void {
    const row: TaskRow = pipeline.rows[i];
    setText(this.line, summaryLine(row, now));
    if (pipeline.connected) {
      // What runs goes on printing.
      const beat = isActive(row) && now !== null ? Math.floor(now / BEAT_MS) : 0;
      this.attempts.show(pipeline.nodes[i].id, [row.state, row.attempt, row.t0, row.t1, beat].join(' '));
    }
    this.fact('Duration', duration(elapsed(row, now)));
    for (const neighbour of this.neighbours) {
      setText(neighbour.time, duration(elapsed(pipeline.rows[neighbour.i], now)));
    }
  }

  /** The first reason at once, and all of them when the kernel has answered. */
  private explain(i: number, { nodes, rows, connected }: Pipeline): void {
    const [{ id }, { state, t1, verdict, reason }] = [nodes[i], rows[i]];
    // After a run there may be other reasons behind the same first one.
    const question = reason && connected ? [id, verdict, reason, state, t1].join('\n') : '';
    if (question !== '' && question === this.question) {
      return;
    }
    this.question = question;
    this.fact('Why', reason);
    if (question !== '') {
      void this.events.why(i).then(answer => {
        if (this.question === question && answer !== '') {
          this.fact('Why', reasonsIn(answer));
        }
      });
    }
  }

  /** What the task has in the cache: asked when another task is shown, or this one has ended. */
  private weigh(i: number, { nodes, rows, connected }: Pipeline): void {
    const [{ id }, { state, t1, verdict }] = [nodes[i], rows[i]];
    const asked = [id, state, t1, verdict, connected].join('\n');
    if (asked === this.weighed) {
      return;
    }
    if (!this.weighed.startsWith(`${id}\n`)) {
      this.fact('Cached', '');
      this.clear.hidden = true;
    }
    this.weighed = asked;
    if (connected) {
      void this.events.cache().then(sizes => {
        if (this.weighed === asked) {
          const found = sizes?.tasks[id];
          this.fact('Cached', found ? cachedText(found) : '');
          this.clear.hidden = !found || verdict === 'pinned';
        }
      });
    }
  }

  private fact(fact: Fact, text: string): void {
    const line = this.facts.get(fact);
    if (line) {
      line.term.hidden = line.value.hidden = text === '';
      setText(line.value, text);
    }
  }

  private list(title: string, edges: Int32Array, ends: Int32Array, pipeline: Pipeline): void {
    if (edges.length === 0) {
      return;
    }
    const section = element('section', 'pj-section', this.lists);
    setText(heading(section, title), count(edges.length));
    for (const edge of edges.slice(0, LISTED_MAX)) {
      const i = ends[edge];
      const root = element('button', 'pj-neighbour', section);
      root.type = 'button';
      const picture = icon('clock', root);
      element('span', 'pj-neighbour-name', root, pipeline.nodes[i].name);
      element('code', '', root, pipeline.edges[edge][2].join(', '));
      this.targets.set(root, i);
      this.neighbours.push({ i, root, icon: picture, time: element('span', 'pj-neighbour-time', root) });
    }
    if (edges.length > LISTED_MAX) {
      element('p', 'pj-more', section, `and ${count(edges.length - LISTED_MAX)} more`);
    }
  }
}

/** A section's title; returns the place of the number at its end. */
function heading(section: HTMLElement, title: string): HTMLElement {
  const line = element('h4', '', section);
  element('span', '', line, title);
  return element('span', '', line);
}
