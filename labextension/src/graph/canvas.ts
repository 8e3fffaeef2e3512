/**
 * The one canvas under the cards: edges, and from afar the tasks themselves as tiles.
 * Must not read the DOM nor keep anything but the paths of the current placement.
 */
import { Camera, Size, seen } from './camera';
import { CARD, Placement, Rect, cardsIn } from './placement';
import { TONES } from './status';
import type { Tally } from './tally';
import type { Palette } from './theme';
import type { Lineage, Topology } from './topology';

export interface Picture {
  readonly topology: Topology;
  readonly placement: Placement;
  readonly tally: Tally;
  readonly camera: Camera;
  readonly size: Size;
  readonly palette: Palette;
  readonly lineage: Lineage | null;
  readonly selected: number;
  readonly focused: number;
  /** Some nodes are dimmed; which, `isDim` says. */
  readonly dimming: boolean;
  readonly isDim: (i: number) => boolean;
  /** Names by index, drawn in tiles that are large enough. */
  readonly nameOf: (i: number) => string;
  readonly tiles: boolean;
  /** Opacity of the edges while cards move to a new place. */
  readonly fade: number;
}

const RUNNING = TONES.indexOf('running');
const RETRYING = TONES.indexOf('retrying');
const WAITING = TONES.indexOf('waiting');

/** Arrowheads below this scale are specks. */
const SCALE_ARROWS = 0.45;
const SCALE_NAMES = 0.3;

export class Canvas {
  private readonly context: CanvasRenderingContext2D | null;
  private placement: Placement | null = null;
  private paths: Path2D[] = [];

  constructor(private readonly element: HTMLCanvasElement) {
    this.context = element.getContext('2d');
  }

  resize(size: Size, ratio: number): void {
    this.element.width = Math.round(size.width * ratio);
    this.element.height = Math.round(size.height * ratio);
  }

  clear(): void {
    this.context?.setTransform(1, 0, 0, 1, 0, 0);
    this.context?.clearRect(0, 0, this.element.width, this.element.height);
  }

  draw(picture: Picture, ratio: number): void {
    const c = this.context;
    if (!c || picture.size.width === 0) {
      return;
    }
    if (picture.placement !== this.placement) {
      this.placement = picture.placement;
      this.paths = picture.placement.lines.map(line => pathOf(line, picture.placement.direction === 'right'));
    }
    this.clear();
    const { k, x, y } = picture.camera;
    c.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
    c.lineCap = 'round';
    const shown = seen(picture.camera, picture.size);
    this.edges(c, picture, shown);
    if (picture.tiles) {
      tiles(c, picture, shown);
    }
    c.globalAlpha = 1;
  }

  private edges(c: CanvasRenderingContext2D, picture: Picture, shown: Rect): void {
    const { camera, palette, tally, topology, lineage } = picture;
    const width = Math.max(1.5, 1.1 / camera.k);
    const layers = layersOf(picture, shown);
    const arrows = camera.k > SCALE_ARROWS && !picture.tiles;
    const stroke = (edges: readonly number[], colour: string, lineWidth: number, alpha: number) => {
      c.strokeStyle = c.fillStyle = colour;
      c.lineWidth = lineWidth;
      c.globalAlpha = alpha * picture.fade;
      for (const edge of edges) {
        c.stroke(this.paths[edge]);
      }
      if (arrows) {
        edges.forEach(edge => arrow(c, picture.placement, topology.dst[edge]));
      }
    };
    stroke(layers.plain, palette.edge, width, picture.dimming ? 0.32 : picture.tiles ? 0.6 : 1);
    for (const tone of [RUNNING, RETRYING]) {
      const edges = layers.active.filter(edge => tally.toneCode[topology.dst[edge]] === tone);
      stroke(edges, palette.tones[tone], width * 1.15, 1);
    }
    const bold = Math.max(2.2, 1.6 / camera.k);
    const of = (side: 'up' | 'down') => layers.lineage.filter(edge => lineage?.edges.get(edge) === side);
    stroke(of('up'), palette.up, bold, 1);
    stroke(of('down'), palette.down, bold, 1);
  }
}

/** The edges in sight, by how they are drawn. */
function layersOf(picture: Picture, shown: Rect): { plain: number[]; active: number[]; lineage: number[] } {
  const { topology, placement, tally, lineage } = picture;
  const layers = { plain: [] as number[], active: [] as number[], lineage: [] as number[] };
  const box = placement.boxes;
  for (let edge = 0; edge < topology.src.length; edge++) {
    const o = edge * 4;
    if (box[o] > shown.x1 || box[o + 2] < shown.x0 || box[o + 1] > shown.y1 || box[o + 3] < shown.y0) {
      continue;
    }
    const tone = tally.toneCode[topology.dst[edge]];
    if (lineage?.edges.has(edge)) {
      layers.lineage.push(edge);
    } else if (!picture.dimming && (tone === RUNNING || tone === RETRYING)) {
      layers.active.push(edge);
    } else {
      layers.plain.push(edge);
    }
  }
  return layers;
}

/** Corner points come in pairs: a curve leads to every second one, a straight line through a layer to the others. */
export function pathOf(line: Float64Array, flat: boolean): Path2D {
  const path = new Path2D();
  path.moveTo(line[0], line[1]);
  for (let i = 2; i < line.length; i += 2) {
    const [x0, y0, x1, y1] = [line[i - 2], line[i - 1], line[i], line[i + 1]];
    if (i % 4 === 0) {
      path.lineTo(x1, y1);
    } else if (flat) {
      path.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
    } else {
      path.bezierCurveTo(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1);
    }
  }
  return path;
}

function arrow(c: CanvasRenderingContext2D, placement: Placement, target: number): void {
  c.beginPath();
  if (placement.direction === 'right') {
    const [x, y] = [placement.x[target] - CARD.width / 2, placement.y[target]];
    c.moveTo(x, y);
    c.lineTo(x - 7, y - 4);
    c.lineTo(x - 7, y + 4);
  } else {
    const [x, y] = [placement.x[target], placement.y[target] - CARD.height / 2];
    c.moveTo(x, y);
    c.lineTo(x - 4, y - 7);
    c.lineTo(x + 4, y - 7);
  }
  c.fill();
}

function tiles(c: CanvasRenderingContext2D, picture: Picture, shown: Rect): void {
  const { placement, tally, palette, camera } = picture;
  const named = camera.k >= SCALE_NAMES;
  const line = Math.max(2, 1 / camera.k);
  for (const i of cardsIn(placement, shown, 0)) {
    const tone = tally.toneCode[i];
    // Waiting tasks and doubtful results are hollow: what is filled stands.
    const hollow = tone === WAITING || tally.doubted[i] === 1;
    const [x, y] = [placement.x[i] - CARD.width / 2, placement.y[i] - CARD.height / 2];
    c.globalAlpha = picture.isDim(i) ? 0.2 : 1;
    c.beginPath();
    c.roundRect(x, y, CARD.width, CARD.height, 8);
    c.fillStyle = hollow || named ? palette.paper : palette.tones[tone];
    c.fill();
    if (named && !hollow) {
      c.globalAlpha *= 0.16;
      c.fillStyle = palette.tones[tone];
      c.fill();
      c.globalAlpha = picture.isDim(i) ? 0.2 : 1;
    }
    if (hollow || named) {
      c.strokeStyle = palette.tones[tone];
      c.lineWidth = hollow && tone !== WAITING ? line * 2 : line;
      c.setLineDash(tally.doubted[i] ? [line * 5, line * 4] : []);
      c.stroke();
      c.setLineDash([]);
    }
    if (named) {
      c.fillStyle = tone === WAITING ? palette.muted : palette.ink;
      c.font = `600 22px ${palette.font}`;
      c.textBaseline = 'middle';
      c.fillText(shortened(c, picture.nameOf(i), CARD.width - 20), x + 10, placement.y[i]);
    }
  }
  c.globalAlpha = 1;
  frame(c, picture, picture.focused, palette.select, line * 1.5);
  frame(c, picture, picture.selected, palette.ink, line * 2);
}

function frame(c: CanvasRenderingContext2D, picture: Picture, i: number, colour: string, width: number): void {
  if (i < 0) {
    return;
  }
  const air = width * 2;
  const { x, y } = picture.placement;
  c.strokeStyle = colour;
  c.lineWidth = width;
  c.beginPath();
  const [w, h] = [CARD.width + 2 * air, CARD.height + 2 * air];
  c.roundRect(x[i] - w / 2, y[i] - h / 2, w, h, 8 + air);
  c.stroke();
}

function shortened(c: CanvasRenderingContext2D, text: string, width: number): string {
  if (c.measureText(text).width <= width) {
    return text;
  }
  let length = text.length;
  while (length > 1 && c.measureText(`${text.slice(0, length)}…`).width > width) {
    length--;
  }
  return `${text.slice(0, length)}…`;
}
