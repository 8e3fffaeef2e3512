/**
 * The live graph of a pipeline: what is selected, filtered and focused, and how that changes.
 * Must not know Jupyter: it is given pipelines and a function to act with, and gives everything back on `dispose`.
 */
import type { Action, Pipeline, Verb } from '../model';
import { Announcer, newFailures } from './announcer';
import { Blank } from './blank';
import { Camera, SCALE_OPEN_MIN, SCALE_READABLE, centred, fitted } from './camera';
import { Details } from './details';
import { element } from './element';
import { Now, cardLine } from './format';
import { Filter, Header } from './header';
import { defineIcons } from './icons';
import { Command, commandOf, neighbour } from './keyboard';
import { CycleError } from './layout';
import { Lifetime } from './lifetime';
import { Direction, Placement, bestDirection, carried, place } from './placement';
import { followPointer } from './pointer';
import { CARDS_ALWAYS, Drawn, Look, Stage } from './stage';
import { isBehind } from './status';
import { Tally } from './tally';
import { Toolbar } from './toolbar';
import { Lineage, Topology, isSame, lineageOf, topologyOf } from './topology';

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
  private readonly header: Header;
  private readonly details: Details;
  private readonly blank: Blank;
  private readonly announcer: Announcer;
  private readonly tip: HTMLElement;
  private readonly tickWhile: (on: boolean) => void;

  private drawn: Drawn | null = null;
  private direction: Direction | null = null;
  /** A person chose the direction, or moved the camera: neither is then changed for them. */
  private turned = false;
  private steered = false;
  private selected = -1;
  private focused = -1;
  private hovered = -1;
  private lineage: Lineage | null = null;
  private filter: Filter | null = null;
  private sought = '';
  private visits = 0;

  constructor(
    host: HTMLElement,
    private readonly act: (action: Action) => void
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
    const { view } = this.stage;
    view.setAttribute('role', 'tree');
    view.setAttribute('aria-label', 'Task graph');
    const frame = view.parentElement as HTMLElement;
    this.blank = new Blank(frame);
    this.tip = element('div', 'pj-tip', frame);
    this.tip.hidden = true;
    const toolbar = new Toolbar(frame, this.life, {
      zoom: factor => this.steer(() => this.stage.zoom(factor)),
      fit: () => this.fit(),
      running: () => this.visitRunning(),
      tidy: () => this.arrange(null),
      turn: () => this.turn()
    });
    this.stage.onscale = k => toolbar.show(k);
    this.details = new Details(this.root, this.life, {
      act: verb => this.actOnSelected(verb),
      go: i => this.choose(i, true),
      close: () => this.clear()
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
    if (i !== this.selected) {
      this.setSelected(i);
      this.revealSelected();
    }
  }

  /** Adapt to another size of the host; also happens by itself where the browser can watch sizes. */
  resize(): void {
    const hidden = this.stage.size.width === 0;
    if (!this.stage.measure() || !this.drawn || this.stage.size.width === 0) {
      return;
    }
    const untouched = !this.steered && this.selected < 0;
    if (hidden || (untouched && this.choice(this.drawn.topology) !== this.direction)) {
      this.arrange(null);
    } else if (untouched) {
      this.stage.jump(this.opening(this.drawn));
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
    if (this.filter !== null && flow) {
      this.stage.setLook(this.look());
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
    if (this.selected >= 0) {
      this.details.patch(this.selected, pipeline, this.now());
    }
  }

  /** Lay out new tasks, keeping selection and focus by id; false when they cannot be drawn. */
  private rearrange(pipeline: Pipeline, topology: Topology, tally: Tally): boolean {
    const old = this.drawn;
    const carry = (i: number) => (old && i >= 0 ? (topology.index.get(old.topology.ids[i]) ?? -1) : -1);
    const hadFocus = this.stage.view.contains(document.activeElement);
    this.stage.measure();
    const anchor = this.anchor();
    try {
      const direction = this.choice(topology);
      const previous = old && direction === this.direction ? carried(old.topology, old.placement, topology) : undefined;
      const placement = place(topology, direction, previous);
      this.direction = direction;
      const places = placesWithin(placement);
      const next: Drawn = { pipeline, topology, tally, placement, ...places };
      const camera = this.cameraFor(next, old, anchor, carry(anchor));
      const source = old && Int32Array.from(topology.ids, id => old.topology.index.get(id) ?? -1);
      [this.selected, this.focused, this.hovered] = [carry(this.selected), carry(this.focused), -1];
      this.focused = Math.max(0, this.focused);
      this.lineage = this.selected < 0 ? null : lineageOf(topology, this.selected);
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
      this.stage.focus(this.focused);
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
    const placement = place(drawn.topology, this.direction);
    this.drawn = { ...drawn, placement, ...placesWithin(placement) };
    this.steered = false;
    const source = Int32Array.from(drawn.topology.ids.keys());
    this.stage.set(this.drawn, this.look(), this.opening(this.drawn), source);
    this.revealSelected();
  }

  private showBlank(pipeline: Pipeline, tally: Tally): void {
    this.drawn = null;
    [this.selected, this.focused, this.hovered, this.lineage] = [-1, -1, -1, null];
    this.stage.empty();
    this.details.hide();
    this.header.update(pipeline, tally);
    this.blank.invite();
  }

  private choice(topology: Topology): Direction {
    if (this.direction && (this.turned || this.steered || this.selected >= 0 || topology.n > TURNING_MAX)) {
      return this.direction;
    }
    return bestDirection(topology, this.stage.size, this.direction);
  }

  // The camera

  /** What shall stay where it is on the screen when the graph is laid out again. */
  private anchor(): number {
    return this.selected >= 0 ? this.selected : this.hovered >= 0 ? this.hovered : this.steered ? this.stage.middle() : -1;
  }

  private cameraFor(next: Drawn, old: Drawn | null, anchor: number, kept: number): Camera {
    if (!old || kept < 0) {
      return this.opening(next);
    }
    const { k, x, y } = this.stage.camera;
    const [dx, dy] = [old.placement.x[anchor] - next.placement.x[kept], old.placement.y[anchor] - next.placement.y[kept]];
    return { k, x: x + dx * k, y: y + dy * k };
  }

  /** The whole graph if it can be read, else the part where something happens. */
  private opening({ placement, topology, tally, pipeline }: Drawn): Camera {
    const { size } = this.stage;
    if (size.width === 0) {
      return { k: 1, x: 0, y: 0 };
    }
    const whole = fitted(placement.bounds, size);
    if (whole.k >= SCALE_OPEN_MIN || (topology.n <= CARDS_ALWAYS && whole.k >= SCALE_OPEN_MIN * 0.7)) {
      return whole;
    }
    const active = [...tally.active].sort((a, b) => a - b);
    const i = active.length ? active[active.length >> 1] : Math.max(0, pipeline.rows.findIndex(isBehind));
    return centred({ x: placement.x[i], y: placement.y[i] }, SCALE_READABLE, size);
  }

  /** A person moves the camera. */
  private steer(move: () => void): void {
    this.steered = true;
    this.hideTip();
    move();
  }

  private fit(): void {
    if (this.drawn && this.stage.size.width > 0) {
      this.steered = false;
      this.stage.glide(fitted(this.drawn.placement.bounds, this.stage.size));
    }
  }

  private visitRunning(): void {
    const active = [...(this.drawn?.tally.active ?? [])].sort((a, b) => a - b);
    if (this.drawn && active.length > 0) {
      const i = active[this.visits++ % active.length];
      this.centre(i);
      this.focused = i;
      this.stage.setLook(this.look());
    }
  }

  private centre(i: number): void {
    if (this.drawn && this.stage.size.width > 0) {
      const { x, y } = this.drawn.placement;
      const k = Math.max(this.stage.camera.k, SCALE_READABLE);
      this.steer(() => this.stage.glide(centred({ x: x[i], y: y[i] }, k, this.stage.size)));
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
    this.setSelected(i);
    if (centre && i >= 0) {
      this.stage.measure();
      this.centre(i);
    } else {
      this.revealSelected();
    }
    this.onselect?.(i < 0 ? null : ((this.drawn as Drawn).topology.ids[i] ?? null));
  }

  private setSelected(i: number): void {
    this.selected = i;
    this.focused = i < 0 ? this.focused : i;
    this.lineage = i < 0 || !this.drawn ? null : lineageOf(this.drawn.topology, i);
    this.showDetails();
    this.stage.setLook(this.look());
  }

  private showDetails(): void {
    const { drawn, lineage } = this;
    if (drawn && lineage) {
      this.details.show(this.selected, drawn.pipeline, drawn.topology, lineage, this.now());
    } else {
      this.details.hide();
    }
  }

  /** Not from under the details pane, which covers the lower part of a narrow view. */
  private revealSelected(): void {
    if (this.selected < 0) {
      return;
    }
    this.stage.measure();
    const pane = this.details.root;
    const covered = getComputedStyle(pane).position === 'absolute' ? pane.offsetHeight : 0;
    if (this.stage.reveal(this.selected, covered)) {
      this.steered = true;
    }
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
    this.filter = by;
    this.stage.setLook(this.look());
  }

  private find(text: string): void {
    this.sought = text.trim().toLowerCase();
    this.stage.setLook(this.look());
  }

  private nextMatch(): void {
    const n = this.drawn?.topology.n ?? 0;
    for (let step = 1; step <= n && this.sought; step++) {
      const i = (this.selected + step + n) % n;
      if (this.matches(i)) {
        this.choose(i, true);
        return;
      }
    }
  }

  private matches(i: number): boolean {
    return (this.drawn as Drawn).pipeline.nodes[i].name.toLowerCase().includes(this.sought);
  }

  private look(): Look {
    const { selected, focused, lineage, filter, sought } = this;
    return {
      selected,
      focused,
      lineage,
      dimming: lineage !== null || filter !== null || sought !== '',
      isDim: i =>
        (lineage !== null && i !== selected && !lineage.nodes.has(i)) ||
        (filter !== null && this.drawn?.tally.state(i) !== filter && this.drawn?.tally.doubt(i) !== filter) ||
        (sought !== '' && !this.matches(i))
    };
  }

  // A person

  private actOnSelected(verb: Verb): void {
    if (this.drawn?.pipeline.connected && this.selected >= 0) {
      this.act({ verb, tasks: [this.drawn.topology.ids[this.selected]] });
    }
  }

  private listen(view: HTMLElement): void {
    followPointer(view, this.life, {
      pan: (dx, dy) => this.steer(() => this.stage.pan(dx, dy)),
      zoom: (factor, x, y) => this.steer(() => this.stage.zoom(factor, x, y)),
      click: (target, x, y) => this.choose(this.taskAt(target, x, y)),
      open: (target, x, y) => this.taskAt(target, x, y) >= 0 && this.actOnSelected('reveal'),
      hover: (target, x, y) => this.hover(this.taskAt(target, x, y), x, y),
      leave: () => this.hover(-1, 0, 0)
    });
    this.life.listen(view, 'focusin', event => {
      const i = this.stage.cards.indexAt(event.target);
      if (i >= 0) {
        this.focused = i;
        this.stage.setLook(this.look());
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
        this.focusOn(neighbour(drawn.placement, this.focused, command));
        return true;
      case 'first':
        this.focusOn(0);
        return true;
      case 'last':
        this.focusOn(drawn.topology.n - 1);
        return true;
      case 'select':
        this.choose(this.focused);
        return true;
      case 'clear':
        return this.escape();
      case 'find':
        this.header.focusFind();
        return true;
      case 'fit':
        this.fit();
        return true;
      case 'running':
        this.visitRunning();
        return true;
      case 'in':
        this.steer(() => this.stage.zoom(1.25));
        return true;
      case 'out':
        this.steer(() => this.stage.zoom(0.8));
        return true;
    }
  }

  private escape(): boolean {
    if (this.selected >= 0) {
      this.choose(-1);
    } else if (this.filter !== null) {
      this.header.clearFilter();
    } else {
      return false;
    }
    return true;
  }

  private focusOn(i: number): void {
    if (i >= 0) {
      this.focused = i;
      this.stage.setLook(this.look());
      if (this.stage.reveal(i, 0)) {
        this.steered = true;
      }
      this.stage.focus(i);
    }
  }

  private focusTree(): void {
    if (this.focused >= 0) {
      this.stage.focus(this.focused);
    }
  }

  private taskAt(target: EventTarget | null, x: number, y: number): number {
    return this.stage.tiles ? this.stage.at(x, y) : this.stage.cards.indexAt(target);
  }

  private hover(i: number, x: number, y: number): void {
    this.hovered = i;
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
    if (this.drawn && this.selected >= 0) {
      this.details.tick(this.selected, this.drawn.pipeline, this.now());
    }
  }

  private now(): Now {
    const pipeline = this.drawn?.pipeline;
    return pipeline?.connected ? Date.now() + pipeline.clock : null;
  }
}

/** Per task its place among those of its layer, in the order of the notebook. */
function placesWithin({ layout }: Placement): { position: Int32Array; siblings: Int32Array } {
  const counts = new Int32Array(layout.ranks);
  const position = layout.rank.map(rank => ++counts[rank]);
  return { position, siblings: layout.rank.map(rank => counts[rank]) };
}
