/**
 * The live graph of a pipeline: what is selected, filtered and focused, and how that changes.
 * Must not know Jupyter: it is given pipelines and a function to act with, and gives everything back on `dispose`.
 */
import { Action, Ask, AskAttempts, AskCache, Pipeline, Verb, nobody, unknown, unrecorded } from '../model';
import { Announcer, newFailures } from './announcer';
import { Attention, Look } from './attention';
import { Blank } from './blank';
import { Details } from './details';
import { Drawn, carriedIndex, drawnOf } from './drawn';
import { element } from './element';
import { Now, cardLine } from './format';
import { Filter, Header } from './header';
import { defineIcons } from './icons';
import { Command, commandOf, neighbour } from './keyboard';
import { CycleError } from './layout';
import { Lifetime } from './lifetime';
import { anchored, opening } from './opening';
import { Pilot } from './pilot';
import { Direction, bestDirection } from './placement';
import { followPointer } from './pointer';
import { Stage } from './stage';
import { Tally } from './tally';
import { Toolbar } from './toolbar';
import { Topology, isSame, topologyOf } from './topology';

/** Durations tick so often while something runs. */
const TICK_MS = 250;

/** Beyond so many tasks the direction is chosen once. */
const TURNING_MAX = 300;

export class GraphView {
  /** Called when a person selects a task or clears the selection; `select` does not call it. */
  onselect: ((id: string | null) => void) | null = null;

  private readonly life = new Lifetime();
  private readonly root: HTMLElement;
  private readonly stage: Stage;
  private readonly pilot: Pilot;
  private readonly header: Header;
  private readonly details: Details;
  private readonly blank: Blank;
  private readonly announcer: Announcer;
  private readonly tip: HTMLElement;
  private readonly tickWhile: (on: boolean) => void;

  private drawn: Drawn | null = null;
  private direction: Direction | null = null;
  /** A person chose the direction: it is then no longer chosen for them. */
  private turned = false;
  private readonly attention = new Attention();

  constructor(
    host: HTMLElement,
    private readonly act: (action: Action) => void,
    why: Ask = nobody,
    cache: AskCache = unknown,
    attempts: AskAttempts = unrecorded
  ) {
    this.root = element('div', 'pj-graph', host);
    defineIcons(this.root);
    const now = () => this.now();
    this.header = new Header(this.root, this.life, {
      act,
      filter: by => this.setFilter(by),
      find: text => this.find(text),
      next: () => this.nextMatch(),
      leave: () => this.focusTree()
    });
    this.stage = new Stage(this.root, this.life, now);
    this.pilot = new Pilot(this.stage, () => this.drawn);
    const { view } = this.stage;
    view.setAttribute('role', 'tree');
    view.setAttribute('aria-label', 'Task graph');
    const frame = view.parentElement as HTMLElement;
    this.blank = new Blank(frame);
    this.tip = element('div', 'pj-tip', frame);
    this.tip.hidden = true;
    const toolbar = new Toolbar(frame, this.life, {
      zoom: factor => this.pilot.zoom(factor),
      fit: () => this.pilot.fit(),
      running: () => this.visitRunning(),
      tidy: () => this.arrange(null),
      turn: () => this.turn()
    });
    this.stage.onscale = k => toolbar.show(k);
    this.details = new Details(this.root, this.life, {
      act: verb => this.actOnSelected(verb),
      go: i => this.choose(i, true),
      close: () => this.clear(),
      why: i => why((this.drawn as Drawn).topology.ids[i]),
      cache,
      attempts
    });
    this.announcer = new Announcer(this.root);
    this.tickWhile = this.life.ticker(TICK_MS, () => this.tick());
    this.listen(view);
    this.life.add(() => this.root.remove());
  }

  /** Show a pipeline. `changed` are the rows that differ; without it the tasks themselves may differ. */
  update(pipeline: Pipeline, changed?: Iterable<number>): void {
    if (this.life.ended) {
      return;
    }
    this.root.classList.toggle('pj-dead', !pipeline.connected);
    if (changed && this.drawn && this.drawn.topology.n === pipeline.nodes.length) {
      this.updateRows(pipeline, [...changed]);
    } else {
      this.updateTasks(pipeline);
    }
    this.tickWhile(pipeline.connected && (this.drawn?.tally.active.size ?? 0) > 0);
  }

  /** Select a task by its id, or nothing; brings it into sight and leaves the focus where it is. */
  select(id: string | null): void {
    const i = id === null ? -1 : (this.drawn?.topology.index.get(id) ?? -1);
    if (i !== this.attention.selected) {
      this.setSelected(i);
      this.revealSelected();
    }
  }

  /** A command was answered: what the kernel told of the selected task may be another now. */
  outdate(): void {
    this.details.outdate();
    if (this.drawn && !this.life.ended) {
      this.updateRows(this.drawn.pipeline, []);
    }
  }

  /** Adapt to another size of the host; also happens by itself where the browser can watch sizes. */
  resize(): void {
    const unseen = this.stage.size.width === 0;
    if (!this.stage.measure() || !this.drawn) {
      return;
    }
    const untouched = !this.pilot.steered && this.attention.selected < 0;
    if (unseen || (untouched && this.choice(this.drawn.topology) !== this.direction)) {
      this.arrange(null);
    } else if (untouched) {
      this.stage.jump(opening(this.drawn, this.stage.size));
    }
  }

  dispose(): void {
    this.life.end();
    this.drawn = null;
    this.onselect = null;
  }

  // The pipeline

  private updateRows(pipeline: Pipeline, changed: number[]): void {
    const { tally } = this.drawn as Drawn;
    const failed = newFailures(pipeline, tally, changed);
    let flow = false;
    for (const i of changed) {
      const [tone, doubted] = [tally.toneCode[i], tally.doubted[i]];
      tally.set(i, pipeline.rows[i]);
      flow = flow || tone !== tally.toneCode[i] || doubted !== tally.doubted[i];
    }
    this.drawn = { ...(this.drawn as Drawn), pipeline };
    this.stage.update(this.drawn, changed, flow);
    if (this.attention.filter !== null && flow) {
      this.relook();
    }
    this.afterRows(failed);
  }

  private updateTasks(pipeline: Pipeline): void {
    const topology = topologyOf(pipeline.nodes, pipeline.edges);
    const old = this.drawn;
    const tally = new Tally(topology.n);
    pipeline.rows.forEach((row, i) => tally.set(i, row));
    const failed = old && isSame(old.topology, topology) ? newFailures(pipeline, old.tally, topology.ids.keys()) : [];
    if (topology.n === 0) {
      this.showBlank(pipeline, tally);
      return;
    }
    if (old && isSame(old.topology, topology)) {
      this.drawn = { ...old, pipeline, tally };
      this.stage.refresh(this.drawn);
    } else if (!this.rearrange(pipeline, topology, tally)) {
      return;
    }
    this.blank.hide();
    this.showDetails();
    this.afterRows(failed);
  }

  private afterRows(failed: readonly number[]): void {
    const { pipeline, tally } = this.drawn as Drawn;
    this.header.update(pipeline, tally);
    this.announcer.tell(pipeline, tally, failed);
    if (this.attention.selected >= 0) {
      this.details.patch(this.attention.selected, pipeline, this.now());
    }
  }

  /** Lay out new tasks, keeping selection and focus by id; false when they cannot be drawn. */
  private rearrange(pipeline: Pipeline, topology: Topology, tally: Tally): boolean {
    const old = this.drawn;
    const hadFocus = this.stage.view.contains(document.activeElement);
    this.stage.measure();
    try {
      const direction = this.choice(topology);
      const next = drawnOf(pipeline, topology, tally, direction, old);
      const anchor = this.pilot.anchor(this.attention);
      const kept = carriedIndex(old?.topology, topology, anchor);
      const stays = old && kept >= 0;
      const camera = stays ? anchored(this.stage.camera, old, anchor, next, kept) : opening(next, this.stage.size);
      const source = old && Int32Array.from(topology.ids, id => old.topology.index.get(id) ?? -1);
      this.attention.carry(old?.topology, topology);
      this.direction = direction;
      this.drawn = next;
      this.stage.set(next, this.look(), camera, source);
    } catch (error) {
      if (!(error instanceof CycleError)) {
        throw error;
      }
      this.showBlank(pipeline, tally);
      this.blank.cycle(error.nodes.map(i => pipeline.nodes[i].name));
      return false;
    }
    if (hadFocus) {
      this.stage.focus(this.attention.focused);
    }
    return true;
  }

  /** Lay out the same tasks anew: cold, in the direction given or the best one. */
  private arrange(direction: Direction | null): void {
    const { drawn } = this;
    if (!drawn) {
      return;
    }
    this.direction = direction ?? this.choice(drawn.topology);
    const next = drawnOf(drawn.pipeline, drawn.topology, drawn.tally, this.direction, null);
    const { selected } = this.attention;
    const { camera, size } = this.stage;
    this.drawn = next;
    this.pilot.steered = selected >= 0;
    const to = selected >= 0 ? anchored(camera, drawn, selected, next, selected) : opening(next, size);
    this.stage.set(next, this.look(), to, Int32Array.from(drawn.topology.ids.keys()));
  }

  private showBlank(pipeline: Pipeline, tally: Tally): void {
    this.drawn = null;
    this.attention.lose();
    this.stage.empty();
    this.details.hide();
    this.header.update(pipeline, tally);
    this.blank.invite();
  }

  private choice(topology: Topology): Direction {
    const inUse = this.turned || this.pilot.steered || this.attention.selected >= 0;
    if (this.direction && (inUse || topology.n > TURNING_MAX)) {
      return this.direction;
    }
    return bestDirection(topology, this.stage.size, this.direction);
  }

  private visitRunning(): void {
    const i = this.pilot.visitRunning();
    if (i >= 0) {
      this.attention.focused = i;
      this.relook();
    }
  }

  private turn(): void {
    if (this.drawn) {
      this.turned = true;
      this.arrange(this.direction === 'right' ? 'down' : 'right');
    }
  }

  // Selection, filter, find

  private choose(i: number, centre = false): void {
    if (i < 0 && this.attention.selected < 0) {
      return;
    }
    this.setSelected(i);
    if (centre && i >= 0) {
      this.stage.measure();
      this.pilot.centre(i);
    } else {
      this.revealSelected();
    }
    this.onselect?.(i < 0 ? null : ((this.drawn as Drawn).topology.ids[i] ?? null));
  }

  private setSelected(i: number): void {
    this.attention.select(i, this.drawn?.topology);
    this.showDetails();
    this.relook();
  }

  private showDetails(): void {
    const { drawn } = this;
    const { lineage, selected } = this.attention;
    if (drawn && lineage) {
      this.details.show(selected, drawn.pipeline, drawn.topology, lineage, this.now());
    } else {
      this.details.hide();
    }
  }

  /** Not from under the details pane, which covers the lower part of a narrow view. */
  private revealSelected(): void {
    if (this.attention.selected < 0) {
      return;
    }
    this.stage.measure();
    const pane = this.details.root;
    const covered = getComputedStyle(pane).position === 'absolute' ? pane.offsetHeight : 0;
    this.pilot.reveal(this.attention.selected, covered);
  }

  /** Back from the details to the graph, with the focus where the selection was. */
  private clear(): void {
    const inDetails = this.details.root.contains(document.activeElement);
    this.choose(-1);
    if (inDetails) {
      this.focusTree();
    }
  }

  private setFilter(by: Filter | null): void {
    this.attention.filter = by;
    this.relook();
  }

  private find(text: string): void {
    this.attention.sought = text.trim().toLowerCase();
    this.relook();
  }

  private nextMatch(): void {
    const i = this.drawn ? this.attention.nextMatch(this.drawn) : -1;
    if (i >= 0) {
      this.choose(i, true);
    }
  }

  private look(): Look {
    return this.attention.look(this.drawn);
  }

  private relook(): void {
    this.stage.setLook(this.look());
  }

  // A person

  private actOnSelected(verb: Verb): void {
    if (this.drawn?.pipeline.connected && this.attention.selected >= 0) {
      this.act({ verb, tasks: [this.drawn.topology.ids[this.attention.selected]] });
    }
  }

  private listen(view: HTMLElement): void {
    followPointer(view, this.life, {
      pan: (dx, dy) => this.pilot.pan(dx, dy),
      zoom: (factor, x, y) => this.pilot.zoom(factor, x, y),
      click: (target, x, y) => this.choose(this.taskAt(target, x, y)),
      open: (target, x, y) => this.taskAt(target, x, y) >= 0 && this.actOnSelected('reveal'),
      hover: (target, x, y) => this.hover(this.taskAt(target, x, y), x, y),
      leave: () => this.hover(-1, 0, 0)
    });
    this.life.listen(view, 'focusin', event => {
      const i = this.stage.cards.indexAt(event.target);
      if (i >= 0) {
        this.attention.focused = i;
        this.relook();
      }
    });
    this.life.listen(view, 'keydown', event => {
      const command = commandOf(event);
      if (command && this.drawn && this.obey(command, this.drawn)) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
    this.life.watchSize(view, () => this.resize());
    const themed = ['class', 'data-jp-theme-light', 'data-jp-theme-name'];
    this.life.watchAttributes(document.body, themed, () => this.stage.repaint());
  }

  /** Do what a key says; false when there is nothing to do, so that the key goes on to the notebook. */
  private obey(command: Command, drawn: Drawn): boolean {
    switch (command) {
      case 'left':
      case 'right':
      case 'up':
      case 'down':
        this.focusOn(neighbour(drawn.placement, this.attention.focused, command));
        return true;
      case 'first':
        this.focusOn(0);
        return true;
      case 'last':
        this.focusOn(drawn.topology.n - 1);
        return true;
      case 'select':
        this.choose(this.attention.focused);
        return true;
      case 'clear':
        return this.escape();
      case 'find':
        this.header.focusFind();
        return true;
      case 'fit':
        this.pilot.fit();
        return true;
      case 'running':
        this.visitRunning();
        return true;
      case 'in':
        this.pilot.zoom(1.25);
        return true;
      case 'out':
        this.pilot.zoom(0.8);
        return true;
    }
  }

  private escape(): boolean {
    if (this.attention.selected >= 0) {
      this.choose(-1);
    } else if (this.attention.filter !== null) {
      this.header.clearFilter();
    } else {
      return false;
    }
    return true;
  }

  private focusOn(i: number): void {
    if (i >= 0) {
      this.attention.focused = i;
      this.relook();
      this.pilot.reveal(i, 0);
      this.stage.focus(i);
    }
  }

  private focusTree(): void {
    if (this.attention.focused >= 0) {
      this.stage.focus(this.attention.focused);
    }
  }

  private taskAt(target: EventTarget | null, x: number, y: number): number {
    return this.stage.tiles ? this.stage.at(x, y) : this.stage.cards.indexAt(target);
  }

  private hover(i: number, x: number, y: number): void {
    this.attention.hovered = i;
    if (i < 0 || !this.stage.tiles || !this.drawn) {
      this.hideTip();
      return;
    }
    const { nodes, rows } = this.drawn.pipeline;
    this.tip.hidden = false;
    this.tip.textContent = `${nodes[i].name} · ${cardLine(nodes[i], rows[i], this.now())}`;
    this.tip.style.transform = `translate(${x + 14}px, ${y + 14}px)`;
  }

  private hideTip(): void {
    this.tip.hidden = true;
  }

  private tick(): void {
    this.stage.tick();
    if (this.drawn && this.attention.selected >= 0) {
      this.details.tick(this.attention.selected, this.drawn.pipeline, this.now());
    }
  }

  private now(): Now {
    const pipeline = this.drawn?.pipeline;
    return pipeline?.connected ? Date.now() + pipeline.clock : null;
  }
}
