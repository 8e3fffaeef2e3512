/**
 * The rail: a pipeline as a list of its tasks in notebook order. Same data, selection and buttons as the graph.
 * Must not know Jupyter.
 */
import { Announcer, newFailures } from '../graph/announcer';
import { Details } from '../graph/details';
import { element } from '../graph/element';
import { Filter, Header } from '../graph/header';
import { defineIcons } from '../graph/icons';
import { Lifetime } from '../graph/lifetime';
import { Tally } from '../graph/tally';
import { Topology, lineageOf, topologyOf } from '../graph/topology';
import { Action, Ask, AskAttempts, AskCache, Pipeline, Verb, nobody, unknown, unrecorded } from '../model';
import { EMPTY } from '../reducer';
import { Rows } from './rows';

const TICK_MS = 250;

export class RailView {
  /** Called when a person selects a task or clears the selection; `select` does not call it. */
  onselect: ((id: string | null) => void) | null = null;

  private readonly life = new Lifetime();
  private readonly root: HTMLElement;
  private readonly header: Header;
  private readonly rows: Rows;
  private readonly details: Details;
  private readonly announcer: Announcer;
  private readonly tickWhile: (on: boolean) => void;
  private pipeline: Pipeline = EMPTY;
  private topology: Topology = topologyOf([], []);
  private tally = new Tally(0);
  private selected: string | null = null;
  private focused = 0;
  private hovered = -1;
  private filter: Filter | null = null;
  private sought = '';

  constructor(
    host: HTMLElement,
    private readonly act: (action: Action) => void,
    why: Ask = nobody,
    cache: AskCache = unknown,
    attempts: AskAttempts = unrecorded
  ) {
    this.root = element('div', 'pj-graph pj-rail', host);
    defineIcons(this.root);
    this.header = new Header(this.root, this.life, {
      act,
      filter: by => this.narrow(by, this.sought),
      find: text => this.narrow(this.filter, text),
      next: () => this.nextMatch(),
      leave: () => this.focus(this.focused)
    });
    const scroller = element('div', 'pj-rail-scroll', this.root);
    this.rows = new Rows(scroller, (verb, index) => this.actOn(verb, index));
    this.details = new Details(this.root, this.life, {
      act: verb => this.actOn(verb, this.index()),
      go: index => this.choose(index),
      close: () => this.choose(-1),
      why: index => why(this.pipeline.nodes[index].id),
      cache,
      attempts
    });
    this.announcer = new Announcer(this.root);
    this.tickWhile = this.life.ticker(TICK_MS, () => this.tick());
    this.listen(this.rows.root);
    this.life.add(() => this.root.remove());
  }

  /** Show a pipeline. `changed` are the rows that differ; without it the tasks themselves may differ. */
  update(pipeline: Pipeline, changed?: Iterable<number>): void {
    if (this.life.ended) {
      return;
    }
    const sameTasks = changed !== undefined && pipeline.nodes.length === this.rows.length;
    const rows = sameTasks ? [...(changed ?? [])] : [...pipeline.nodes.keys()];
    const failed = pipeline.nodes.length === this.pipeline.nodes.length ? newFailures(pipeline, this.tally, rows) : [];
    this.pipeline = pipeline;
    this.root.classList.toggle('pj-dead', !pipeline.connected);
    if (!sameTasks) {
      this.topology = topologyOf(pipeline.nodes, pipeline.edges);
      this.tally = new Tally(pipeline.nodes.length);
      this.rows.show(pipeline);
      this.focused = Math.min(this.focused, Math.max(0, pipeline.nodes.length - 1));
      this.rows.focusable(this.focused);
      this.rows.hold(this.hovered, pipeline);
    }
    for (const index of rows) {
      this.tally.set(index, pipeline.rows[index]);
      this.rows.patch(index, pipeline, this.now());
    }
    if (!sameTasks) {
      this.showSelected();
    } else if (this.index() >= 0) {
      this.details.patch(this.index(), pipeline, this.now());
    }
    this.header.update(pipeline, this.tally);
    this.announcer.tell(pipeline, this.tally, failed);
    this.look();
    this.tickWhile(pipeline.connected && this.tally.active.size > 0);
  }

  /** Select a task by its id, or nothing; brings it into sight and leaves the focus where it is. */
  select(id: string | null): void {
    if (id !== this.selected) {
      this.selected = id;
      this.showSelected(); // first, because the details leave less room for the list
      this.rows.element(this.index())?.scrollIntoView({ block: 'nearest' });
    }
  }

  /** A command was answered: what the kernel told of the selected task may be another now. */
  outdate(): void {
    this.details.outdate();
    this.update(this.pipeline, []);
  }

  dispose(): void {
    this.life.end();
    this.onselect = null;
  }

  // Selection

  private index(): number {
    return this.selected === null ? -1 : (this.topology.index.get(this.selected) ?? -1);
  }

  private choose(index: number): void {
    const id = this.pipeline.nodes[index]?.id ?? null;
    this.select(id);
    if (index < 0) {
      this.focus(this.focused);
    }
    this.onselect?.(id);
  }

  private showSelected(): void {
    const index = this.index();
    this.rows.select(index);
    if (index < 0) {
      this.details.hide();
    } else {
      this.details.show(index, this.pipeline, this.topology, lineageOf(this.topology, index), this.now());
    }
  }

  private actOn(verb: Verb, index: number): void {
    const node = this.pipeline.nodes[index];
    if (node) {
      this.act({ verb, tasks: [node.id] });
    }
  }

  // Pointer and keys

  private listen(list: HTMLElement): void {
    const { life, rows } = this;
    life.listen(list, 'click', event => {
      const index = rows.indexOf(event.target);
      if (index >= 0) {
        this.focus(index);
        this.choose(index === this.index() ? -1 : index);
      }
    });
    life.listen(list, 'dblclick', event => this.actOn('reveal', rows.indexOf(event.target)));
    life.listen(list, 'pointerover', event => this.hold(rows.indexOf(event.target)));
    life.listen(list, 'pointerleave', () => this.hold(-1));
    life.listen(list, 'focusin', event => {
      this.focused = Math.max(0, rows.indexOf(event.target));
      rows.focusable(this.focused);
      this.hold(this.focused);
    });
    life.listen(list, 'keydown', event => this.keydown(event));
  }

  private keydown(event: KeyboardEvent): void {
    const isOnRow = event.target === this.rows.element(this.focused);
    const isForAll = event.key === 'Escape' || event.key === '/'; // also on the buttons of a row
    if (event.altKey || event.ctrlKey || event.metaKey || !(isOnRow || isForAll)) {
      return;
    }
    const last = this.rows.length - 1;
    const moves: Record<string, () => void> = {
      ArrowDown: () => this.focus(Math.min(this.focused + 1, last)),
      ArrowUp: () => this.focus(Math.max(this.focused - 1, 0)),
      Home: () => this.focus(0),
      End: () => this.focus(last),
      Enter: () => this.actOn('reveal', this.focused),
      ' ': () => this.choose(this.focused),
      Escape: () => this.choose(-1),
      '/': () => this.header.focusFind()
    };
    if (Object.hasOwn(moves, event.key)) {
      event.preventDefault();
      event.stopPropagation();
      moves[event.key]();
    }
  }

  private hold(index: number): void {
    this.hovered = index;
    this.rows.hold(index, this.pipeline);
  }

  private focus(index: number): void {
    this.rows.element(index)?.focus();
  }

  // Filter and search

  private narrow(by: Filter | null, text: string): void {
    this.filter = by;
    this.sought = text.trim().toLowerCase();
    this.look();
    this.rows.element(this.matches()[0] ?? -1)?.scrollIntoView({ block: 'nearest' });
  }

  private look(): void {
    const matching = new Set(this.matches());
    this.rows.dim(index => !matching.has(index));
  }

  private matches(): number[] {
    return [...this.pipeline.nodes.keys()].filter(
      index =>
        (this.filter === null || this.tally.state(index) === this.filter || this.tally.doubt(index) === this.filter) &&
        this.pipeline.nodes[index].name.toLowerCase().includes(this.sought)
    );
  }

  private nextMatch(): void {
    const matches = this.matches();
    const next = matches.find(index => index > this.index()) ?? matches[0];
    if (next !== undefined) {
      this.choose(next);
    }
  }

  // Time

  private now(): number {
    return Date.now() + this.pipeline.clock;
  }

  private tick(): void {
    for (const index of this.tally.active) {
      this.rows.tick(index, this.pipeline.rows[index], this.now());
    }
    if (this.index() >= 0) {
      this.details.tick(this.index(), this.pipeline, this.now());
    }
  }
}
