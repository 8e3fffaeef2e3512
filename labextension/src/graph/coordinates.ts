/**
 * Where the nodes of a layer stand across the flow, given their order: weighted isotonic regression towards neighbours.
 * Must not change the order, nor let two boxes touch.
 */
import { Adjacency, degree } from './adjacency';
import type { Layered } from './layering';
import type { Order } from './ordering';

/** Lengths across the flow, in pixels. */
export interface Spacing {
  readonly box: number;
  readonly gap: number;
}

/** Room a long edge takes when it passes a layer, and between two of them. */
const LANE = 4;
const LANE_GAP = 8;

/** How hard a node that was already there holds on to its old place, against 1 for a plain edge. */
const HOLD = 8;

const ROUNDS = 20;
const ROUNDS_LARGE = 10;
const LARGE = 20_000;

/** `held[v]` is where real node `v` stood before, NaN for a new one. */
export function placed(graph: Layered, order: Order, spacing: Spacing, held: Float64Array | null): Float64Array {
  const x = new Float64Array(graph.size);
  const offset = new Float64Array(graph.size);
  const apart = (a: number, b: number) => separation(graph.n, spacing, a, b);
  for (const layer of order) {
    for (let i = 1; i < layer.length; i++) {
      offset[layer[i]] = offset[layer[i - 1]] + apart(layer[i - 1], layer[i]);
    }
    const middle = layer.length ? offset[layer[layer.length - 1]] / 2 : 0;
    for (const v of layer) {
      x[v] = isHeld(held, v) ? (held as Float64Array)[v] : offset[v] - middle;
    }
  }
  const rounds = graph.size > LARGE ? ROUNDS_LARGE : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    const downwards = round % 2 === 0;
    const both = round >= rounds / 2;
    for (let i = 0; i < graph.ranks; i++) {
      const layer = order[downwards ? i : graph.ranks - 1 - i];
      regress(graph, layer, x, offset, held, downwards || both, !downwards || both);
    }
  }
  straighten(graph, order, x, apart, held ? spacing.box / 3 : Infinity);
  return x;
}

function isHeld(held: Float64Array | null, v: number): boolean {
  return held !== null && v < held.length && !Number.isNaN(held[v]);
}

/** Least distance between the middles of two neighbours in a layer. */
function separation(n: number, { box, gap }: Spacing, a: number, b: number): number {
  const lanes = (a >= n ? 1 : 0) + (b >= n ? 1 : 0);
  const room = lanes === 2 ? LANE_GAP : lanes === 1 ? gap * 0.7 : gap;
  return (lanes * LANE + (2 - lanes) * box) / 2 + room;
}

/** How much a link wants to be straight: long edges most, then links that are the only one at both ends. */
function pull(graph: Layered, top: number, bottom: number): number {
  const dummies = (top >= graph.n ? 1 : 0) + (bottom >= graph.n ? 1 : 0);
  if (dummies > 0) {
    return dummies === 2 ? 8 : 3;
  }
  return degree(graph.down, top) === 1 && degree(graph.up, bottom) === 1 ? 6 : 1;
}

/** Move a layer to the least-squares fit of its neighbours that keeps order and distance (pool adjacent violators). */
function regress(
  graph: Layered,
  layer: Int32Array,
  x: Float64Array,
  offset: Float64Array,
  held: Float64Array | null,
  useUp: boolean,
  useDown: boolean
): void {
  const values: number[] = [];
  const weights: number[] = [];
  const counts: number[] = [];
  for (const v of layer) {
    let [sum, weight] = isHeld(held, v) ? [(held as Float64Array)[v] * HOLD, HOLD] : [0, 0];
    for (let k = graph.up.start[v]; useUp && k < graph.up.start[v + 1]; k++) {
      const u = graph.up.list[k];
      const w = pull(graph, u, v);
      sum += x[u] * w;
      weight += w;
    }
    for (let k = graph.down.start[v]; useDown && k < graph.down.start[v + 1]; k++) {
      const u = graph.down.list[k];
      const w = pull(graph, v, u);
      sum += x[u] * w;
      weight += w;
    }
    if (weight === 0) {
      // A node that nothing pulls stays, but yields to any that something does.
      [sum, weight] = [x[v] * 0.01, 0.01];
    }
    let value = sum / weight - offset[v];
    let count = 1;
    while (values.length && values[values.length - 1] >= value) {
      const w = weights.pop() as number;
      value = (value * weight + (values.pop() as number) * w) / (weight + w);
      weight += w;
      count += counts.pop() as number;
    }
    values.push(value);
    weights.push(weight);
    counts.push(count);
  }
  for (let block = 0, i = 0; block < values.length; block++) {
    for (let k = 0; k < counts[block]; k++, i++) {
      x[layer[i]] = values[block] + offset[layer[i]];
    }
  }
}

/** Make almost straight links exactly straight where there is room; nothing moves farther than `reach`. */
function straighten(
  graph: Layered,
  order: Order,
  x: Float64Array,
  apart: (a: number, b: number) => number,
  reach: number
): void {
  for (let pass = 0; pass < 4; pass++) {
    const downwards = pass % 2 === 0;
    const towards: Adjacency = downwards ? graph.up : graph.down;
    const back: Adjacency = downwards ? graph.down : graph.up;
    for (let i = 0; i < graph.ranks; i++) {
      const layer = order[downwards ? i : graph.ranks - 1 - i];
      for (let j = 0; j < layer.length; j++) {
        const v = layer[j];
        if (degree(towards, v) !== 1) {
          continue;
        }
        const u = towards.list[towards.start[v]];
        const alone = degree(back, u) === 1 || v >= graph.n || u >= graph.n;
        if (!alone || Math.abs(x[u] - x[v]) > reach) {
          continue;
        }
        const low = j > 0 ? x[layer[j - 1]] + apart(layer[j - 1], v) : -Infinity;
        const high = j + 1 < layer.length ? x[layer[j + 1]] - apart(v, layer[j + 1]) : Infinity;
        x[v] = Math.max(low, Math.min(high, x[u]));
      }
    }
  }
}
