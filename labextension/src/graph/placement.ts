/**
 * A laid-out graph on the plane: boxes, the lines between them, and which are near a rectangle.
 * Must not draw, and never changes once made.
 */
import { Layout, layout } from './layout';
import type { Topology } from './topology';

export type Direction = 'right' | 'down';

export interface Rect {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export const CARD = { width: 180, height: 56 } as const;

const GAP = { right: { along: 64, across: 22 }, down: { along: 54, across: 24 } } as const;

/** Air around the graph when it is fitted into a view. */
const MARGIN = 20;

/** Side of a square of the index of positions; about two cards. */
const SQUARE = 512;

export interface Placement {
  readonly direction: Direction;
  readonly layout: Layout;
  /** The middles of the cards. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly bounds: Rect;
  /** Per edge the corner points `x, y, x, y, …`: curve, straight, curve, … , curve. */
  readonly lines: readonly Float64Array[];
  /** Per edge its rectangle, four numbers each. */
  readonly boxes: Float64Array;
  readonly squares: ReadonlyMap<number, readonly number[]>;
}

/** `previous`, per node its place across the flow or NaN, makes a warm layout. Throws `CycleError`. */
export function place(topology: Topology, direction: Direction, previous?: Float64Array): Placement {
  const flat = direction === 'right';
  const [along, across] = flat ? [CARD.width, CARD.height] : [CARD.height, CARD.width];
  const found = layout({ ...topology, box: { along, across }, gap: GAP[direction], previous });
  const [x, y] = flat ? [found.along, found.across] : [found.across, found.along];
  const gap = GAP[direction].along;
  const lines = Array.from(topology.src, (_, edge) => corners(topology, found, edge, along, gap, flat));
  return {
    direction,
    layout: found,
    x,
    y,
    bounds: boundsOf(x, y),
    lines,
    boxes: boxesOf(lines),
    squares: squaresOf(x, y)
  };
}

/** The direction in which the graph shows larger in a view of this size; `current` stays unless it is clearly worse. */
export function bestDirection(
  topology: Topology,
  size: { readonly width: number; readonly height: number },
  current: Direction | null
): Direction {
  if (size.width <= 0 || size.height <= 0 || topology.n < 2) {
    return current ?? 'right';
  }
  // One rough layout tells how many layers and lanes there are, whichever way they run.
  const right = { along: CARD.width + GAP.right.along, across: CARD.height + GAP.right.across };
  const down = { along: CARD.height + GAP.down.along, across: CARD.width + GAP.down.across };
  const box = { along: CARD.width, across: CARD.height };
  const { ranks, across } = layout({ ...topology, box, gap: GAP.right, sweeps: 2 });
  const lanes = (Math.max(...across) - Math.min(...across)) / right.across + 1;
  const scaleRight = Math.min(1, size.width / (ranks * right.along), size.height / (lanes * right.across));
  const scaleDown = Math.min(1, size.width / (lanes * down.across), size.height / (ranks * down.along));
  // Reading along the line is easier, and turning a graph costs the reader: both have to be worth it.
  const preference = current === 'right' ? 1.35 : current === 'down' ? 0.9 : 1.15;
  return scaleDown > scaleRight * preference ? 'down' : 'right';
}

/** Where the nodes that stay stood across the flow, for a warm start; undefined when most of the graph is new. */
export function carried(from: Topology, at: Placement, to: Topology): Float64Array | undefined {
  const previous = new Float64Array(to.n).fill(NaN);
  let known = 0;
  to.ids.forEach((id, i) => {
    const old = from.index.get(id);
    if (old !== undefined) {
      previous[i] = at.layout.across[old];
      known++;
    }
  });
  return known * 2 >= to.n ? previous : undefined;
}

/** Cards whose middle lies in the rectangle widened by half a card and `pad`. */
export function cardsIn({ squares, x, y }: Placement, rect: Rect, pad: number): number[] {
  const [px, py] = [CARD.width / 2 + pad, CARD.height / 2 + pad];
  const found: number[] = [];
  for (let a = square(rect.x0 - px); a <= square(rect.x1 + px); a++) {
    for (let b = square(rect.y0 - py); b <= square(rect.y1 + py); b++) {
      for (const i of squares.get(key(a, b)) ?? []) {
        if (x[i] >= rect.x0 - px && x[i] <= rect.x1 + px && y[i] >= rect.y0 - py && y[i] <= rect.y1 + py) {
          found.push(i);
        }
      }
    }
  }
  return found;
}

/** The card at a point, or -1. */
export function cardAt(placement: Placement, x: number, y: number, pad: number): number {
  return cardsIn(placement, { x0: x, y0: y, x1: x, y1: y }, pad)[0] ?? -1;
}

function corners(
  { src, dst }: Topology,
  { along, across, routes }: Layout,
  edge: number,
  box: number,
  gap: number,
  flat: boolean
): Float64Array {
  const [s, t] = [src[edge], dst[edge]];
  const route = routes[edge] ?? new Float64Array(0);
  const points: number[] = [];
  const add = (u: number, v: number) => points.push(...(flat ? [u, v] : [v, u]));
  add(along[s] + box / 2, across[s]);
  route.forEach((lane, i) => {
    const middle = along[s] + (box + gap) * (i + 1);
    add(middle - box / 2, lane);
    add(middle + box / 2, lane);
  });
  add(along[t] - box / 2, across[t]);
  return Float64Array.from(points);
}

function boundsOf(x: Float64Array, y: Float64Array): Rect {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    [x0, x1] = [Math.min(x0, x[i]), Math.max(x1, x[i])];
    [y0, y1] = [Math.min(y0, y[i]), Math.max(y1, y[i])];
  }
  const [w, h] = [CARD.width / 2 + MARGIN, CARD.height / 2 + MARGIN];
  return { x0: x0 - w, y0: y0 - h, x1: x1 + w, y1: y1 + h };
}

function boxesOf(lines: readonly Float64Array[]): Float64Array {
  const boxes = new Float64Array(lines.length * 4);
  lines.forEach((line, edge) => {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < line.length; i += 2) {
      [x0, x1] = [Math.min(x0, line[i]), Math.max(x1, line[i])];
      [y0, y1] = [Math.min(y0, line[i + 1]), Math.max(y1, line[i + 1])];
    }
    boxes.set([x0, y0, x1, y1], edge * 4);
  });
  return boxes;
}

function squaresOf(x: Float64Array, y: Float64Array): Map<number, number[]> {
  const squares = new Map<number, number[]>();
  for (let i = 0; i < x.length; i++) {
    const at = key(square(x[i]), square(y[i]));
    const held = squares.get(at);
    if (held) {
      held.push(i);
    } else {
      squares.set(at, [i]);
    }
  }
  return squares;
}

function square(value: number): number {
  return Math.floor(value / SQUARE);
}

function key(a: number, b: number): number {
  return a * 0x200000 + b;
}
