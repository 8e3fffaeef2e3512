/**
 * The view's window onto the plane: camera, cards and canvas, drawn at most once a frame and only when asked.
 * Must not know why a task is selected, dimmed or watched; the view tells it.
 */
import { Look, NO_LOOK } from './attention';
import { Camera, Size, centred, fitted, isInside, revealing, seen, zoomed } from './camera';
import { Canvas } from './canvas';
import { Cards } from './cards';
import type { Drawn } from './drawn';
import { element } from './element';
import type { Now } from './format';
import type { Lifetime } from './lifetime';
import { MINIMAP_NODES_MIN, Minimap } from './minimap';
import { Motion } from './motion';
import { cardAt, cardsIn } from './placement';
import { Palette, paletteOf, prefersStillness } from './theme';

/** A graph of at most so many tasks has all of its cards in the document, in sight or not. */
export const CARDS_ALWAYS = 120;

/** With more cards than this in sight the tasks are drawn as tiles. */
const CARDS_MAX = 125;

/** Below these scales the text of a card grows, and then only the name is left. */
const SCALE_MEDIUM = 0.8;
const SCALE_COMPACT = 0.58;
const SCALE_TILES = 0.3;

/** More rings than this turn at once only to be a burden. */
const RINGS_MAX = 40;

/** Pixels around the view from where a card can be scrolled into sight, as a screen reader does. */
const ROOM = 20_000;

export class Stage {
  readonly view: HTMLElement;
  readonly cards: Cards;
  size: Size = { width: 0, height: 0 };
  camera: Camera = { k: 1, x: 0, y: 0 };
  tiles = false;
  onscale: (k: number) => void = () => undefined;

  private readonly layer: HTMLElement;
  private readonly canvas: Canvas;
  private readonly minimap: Minimap;
  private readonly request: () => void;
  private ratio = 1;
  private palette: Palette;
  private drawn: Drawn | null = null;
  private look: Look = NO_LOOK;
  private motion: Motion | null = null;
  private compact = false;
  private shown: string | null = null;
  private canvasStale = true;
  private looksStale = true;
  private movedCards = false;
  private titlesStale = false;
  private readonly dirty = new Set<number>();

  constructor(
    private readonly root: HTMLElement,
    life: Lifetime,
    private readonly now: () => Now
  ) {
    const frame = element('div', 'pj-stage', root);
    this.view = element('div', 'pj-view', frame);
    this.view.style.setProperty('--pj-room', `${ROOM}px`);
    element('div', 'pj-room', this.view).setAttribute('role', 'none');
    this.canvas = new Canvas(element('canvas', 'pj-canvas', this.view));
    this.layer = element('div', 'pj-layer', this.view);
    this.layer.setAttribute('role', 'none');
    this.cards = new Cards(this.layer);
    this.minimap = new Minimap(frame, life, (x, y) => this.jump(centred({ x, y }, this.camera.k, this.size)));
    this.request = life.painter(time => this.render(time));
    this.palette = paletteOf(root);
    life.listen(this.view, 'scroll', () => this.absorbScroll());
  }

  /** Read the size of the view; true when it changed. A hidden view keeps the size it had. */
  measure(): boolean {
    this.rest();
    const [width, height] = [this.view.clientWidth, this.view.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    const same = width === this.size.width && height === this.size.height && ratio === this.ratio;
    if (same || width === 0 || height === 0) {
      return false;
    }
    if (this.size.width === 0) {
      this.palette = paletteOf(this.root); // before it was in the document, the style sheet did not reach it
    }
    this.size = { width, height };
    this.ratio = ratio;
    this.canvas.resize(this.size, ratio);
    this.minimap.invalidate();
    this.invalidate();
    return true;
  }

  /** Read the colours again, after the theme changed. */
  repaint(): void {
    this.palette = paletteOf(this.root);
    this.minimap.invalidate();
    this.invalidate();
  }

  /** Nothing to draw. */
  empty(): void {
    this.drawn = null;
    this.motion = null;
    this.cards.clear();
    this.canvas.clear();
    this.minimap.hide();
  }

  /** Draw another graph, its cards coming from where they are now (`source` per node, -1 for a new one). */
  set(drawn: Drawn, look: Look, camera: Camera, source: Int32Array | null): void {
    const old = this.drawn?.placement;
    const moves = old && source && this.size.width > 0 && !prefersStillness();
    this.cards.clear();
    this.drawn = drawn;
    this.look = look;
    this.minimap.invalidate();
    this.root.classList.toggle('pj-still', drawn.tally.active.size > RINGS_MAX);
    this.motion = moves ? new Motion(this.camera, camera, old, source) : null;
    this.camera = moves ? this.camera : camera;
    this.invalidate();
  }

  /** The same graph after rows changed; `flow` when edges or tiles changed with them. */
  update(drawn: Drawn, changed: Iterable<number>, flow: boolean): void {
    this.drawn = drawn;
    for (const i of changed) {
      this.dirty.add(i);
    }
    this.root.classList.toggle('pj-still', drawn.tally.active.size > RINGS_MAX);
    this.canvasStale = this.canvasStale || flow || this.tiles;
    if (flow) {
      this.minimap.invalidate();
    }
    this.request();
  }

  setLook(look: Look): void {
    this.look = look;
    this.looksStale = this.canvasStale = true;
    this.request();
  }

  /** The same graph with other names, labels or rows. */
  refresh(drawn: Drawn): void {
    this.titlesStale = true;
    this.update(drawn, this.cards.live, true);
  }

  tick(): void {
    const { drawn } = this;
    if (drawn && !this.tiles) {
      const now = this.now();
      for (const i of drawn.tally.active) {
        this.cards.tick(i, drawn.pipeline.nodes[i], drawn.pipeline.rows[i], now);
      }
    }
  }

  pan(dx: number, dy: number): void {
    this.jump({ k: this.camera.k, x: this.camera.x + dx, y: this.camera.y + dy });
  }

  zoom(factor: number, x = this.size.width / 2, y = this.size.height / 2): void {
    if (this.drawn) {
      this.jump(zoomed(this.camera, factor, { x, y }, fitted(this.drawn.placement.bounds, this.size).k));
    }
  }

  jump(camera: Camera): void {
    this.stop();
    this.camera = camera;
    this.shown = null;
    this.canvasStale = true;
    this.request();
  }

  glide(camera: Camera): void {
    if (prefersStillness() || this.size.width === 0) {
      this.jump(camera);
      return;
    }
    this.stop();
    this.motion = new Motion(this.camera, camera);
    this.request();
  }

  /** End a motion before its time: the cards that were on their way are put where they belong. */
  private stop(): void {
    this.movedCards = this.movedCards || (this.motion?.movesCards ?? false);
    this.motion = null;
  }

  /** Move as little as shows a card whole; `covered` pixels at the bottom are under the details. */
  reveal(i: number, covered: number): boolean {
    if (!this.drawn || this.size.width === 0) {
      return false;
    }
    const at = { x: this.drawn.placement.x[i], y: this.drawn.placement.y[i] };
    const free = { x0: 0, y0: 0, x1: this.size.width, y1: Math.max(80, this.size.height - covered) };
    const target = this.motion ? this.motion.to : this.camera;
    const camera = revealing(target, at, free);
    if (camera.x === target.x && camera.y === target.y) {
      return false;
    }
    this.glide(camera);
    return true;
  }

  /** Give a card the focus, making it first when it is out of sight. */
  focus(i: number): void {
    this.shown = null;
    this.render(null);
    this.cards.elementOf(i)?.focus({ preventScroll: true });
  }

  /** The task at a point of the view, or -1. */
  at(x: number, y: number): number {
    if (!this.drawn) {
      return -1;
    }
    const { k, x: left, y: top } = this.camera;
    return cardAt(this.drawn.placement, (x - left) / k, (y - top) / k, Math.max(0, 4 / k - 4));
  }

  /** The task nearest the middle of the view, or -1. */
  middle(): number {
    if (!this.drawn || this.size.width === 0) {
      return -1;
    }
    const { x, y } = this.drawn.placement;
    const shown = seen(this.camera, this.size);
    const [cx, cy] = [(shown.x0 + shown.x1) / 2, (shown.y0 + shown.y1) / 2];
    let best = -1;
    for (let i = 0, least = Infinity; i < x.length; i++) {
      const far = Math.hypot(x[i] - cx, y[i] - cy);
      if (far < least) {
        [best, least] = [i, far];
      }
    }
    return best;
  }

  /** Whoever scrolls a card into sight means the camera: the view itself always rests in the middle of its room. */
  private absorbScroll(): void {
    const { scrollLeft, scrollTop } = this.view;
    this.rest();
    // A view that was hidden comes back unscrolled; nobody scrolls there by hand.
    if (scrollLeft > 0 && scrollTop > 0 && (scrollLeft !== ROOM || scrollTop !== ROOM)) {
      this.pan(ROOM - scrollLeft, ROOM - scrollTop);
    }
  }

  private rest(): void {
    this.view.scrollLeft = this.view.scrollTop = ROOM;
  }

  private invalidate(): void {
    this.shown = null;
    this.canvasStale = this.looksStale = true;
    this.request();
  }

  /** Draw what is stale; `time` is the frame's, null outside of a frame. */
  private render(time: number | null): void {
    const { drawn } = this;
    if (!drawn) {
      return;
    }
    const progress = this.advance(time);
    this.showCards(drawn);
    if (this.canvasStale) {
      this.canvasStale = false;
      this.paintCanvas(drawn, progress);
    }
    this.onscale(this.camera.k);
    if (this.motion) {
      this.request();
    }
  }

  /** Take the camera one step on its way; the result is how far the cards are on theirs, from 0 to 1. */
  private advance(time: number | null): number {
    const { motion } = this;
    if (!motion) {
      return 1;
    }
    this.shown = null;
    this.canvasStale = true;
    this.camera = motion.at(time);
    this.movedCards = this.movedCards || motion.movesCards;
    if (motion.ended) {
      this.motion = null;
    }
    return motion.movesCards ? motion.progress : 1;
  }

  private showCards(drawn: Drawn): void {
    const { placement, pipeline, tally } = drawn;
    const { k, x, y } = this.camera;
    const key = `${k},${x},${y}`;
    if (this.shown !== key || this.titlesStale) {
      this.shown = key;
      this.layer.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
      const compact = k < SCALE_COMPACT;
      const retitle = compact !== this.compact || this.titlesStale;
      this.compact = compact;
      this.titlesStale = false;
      const fresh = new Set(this.cards.show(this.wanted(drawn)));
      this.layer.classList.toggle('pj-compact', compact);
      this.layer.classList.toggle('pj-medium', k < SCALE_MEDIUM && !compact);
      this.layer.classList.toggle('pj-tiled', this.tiles);
      for (const i of this.cards.live) {
        if (fresh.has(i) || retitle) {
          const place = { level: placement.layout.rank[i] + 1, position: drawn.position[i], size: drawn.siblings[i] };
          this.cards.title(i, pipeline.nodes[i], place, compact);
        }
        if (fresh.has(i) || this.movedCards) {
          const [to, down] = [placement.x[i], placement.y[i]];
          this.cards.move(i, ...(this.motion ? this.motion.place(i, to, down) : ([to, down] as const)));
        }
        if (fresh.has(i)) {
          this.dirty.add(i);
          this.markCard(i);
        }
      }
      this.movedCards = false;
    }
    const now = this.now();
    for (const i of this.dirty) {
      this.cards.paint(i, pipeline.nodes[i], pipeline.rows[i], now);
    }
    this.dirty.clear();
    if (this.looksStale) {
      this.looksStale = false;
      for (const i of this.cards.live) {
        this.markCard(i);
      }
    }
    this.layer.classList.toggle('pj-quiet', tally.active.size === 0);
  }

  private wanted(drawn: Drawn): Set<number> {
    const { n } = drawn.topology;
    if (n <= CARDS_ALWAYS) {
      this.tiles = false;
      return new Set(Array(n).keys());
    }
    const shown = seen(this.camera, this.size);
    const inSight = this.camera.k < SCALE_TILES ? [] : cardsIn(drawn.placement, shown, 40);
    this.tiles = this.camera.k < SCALE_TILES || inSight.length > CARDS_MAX;
    const wanted = new Set(this.tiles ? [] : inSight);
    // The focus and the selection keep their card, so that keys and readers have something to hold on to.
    [this.look.focused, this.look.selected].filter(i => i >= 0).forEach(i => wanted.add(i));
    return wanted;
  }

  private markCard(i: number): void {
    const { selected, focused, lineage, isDim } = this.look;
    this.cards.mark(i, {
      dim: isDim(i),
      side: i === selected ? null : (lineage?.nodes.get(i) ?? null),
      selected: i === selected,
      tabbable: i === focused
    });
  }

  private paintCanvas(drawn: Drawn, progress: number): void {
    const { topology, placement, tally, pipeline } = drawn;
    this.canvas.draw(
      {
        ...this.look,
        focused: this.view.contains(document.activeElement) ? this.look.focused : -1,
        topology,
        placement,
        tally,
        camera: this.camera,
        size: this.size,
        palette: this.palette,
        nameOf: i => pipeline.nodes[i].name,
        tiles: this.tiles,
        fade: progress * progress
      },
      this.ratio
    );
    const whole = isInside(placement.bounds, seen(this.camera, this.size), 30 / this.camera.k);
    if (topology.n >= MINIMAP_NODES_MIN && !whole) {
      this.minimap.draw(placement, tally, this.camera, this.size, this.palette, this.ratio);
    } else {
      this.minimap.hide();
    }
  }
}
