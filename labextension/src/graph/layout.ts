/**
 * A layered layout of a directed acyclic graph, cold or warm: a pure function on typed arrays, after Sugiyama.
 * Must not touch the DOM, nor know which way the flow runs on the screen: `along` and `across` it are all it knows.
 */
import { placed } from './coordinates';
import { Layered, layered } from './layering';
import { Order, byKey, depthFirst, untangled } from './ordering';

export { CycleError } from './layering';

export interface LayoutInput {
  readonly n: number;
  readonly src: Int32Array;
  readonly dst: Int32Array;
  /** A box, and the least room between two, in pixels. */
  readonly box: { readonly along: number; readonly across: number };
  readonly gap: { readonly along: number; readonly across: number };
  /** Where each node stood across the flow, NaN for a new one: known nodes then stay about there. */
  readonly previous?: Float64Array;
  /** Sweeps of the search for few crossings; by default 24 cold and 2 warm. */
  readonly sweeps?: number;
}

export interface Layout {
  readonly ranks: number;
  readonly rank: Int32Array;
  /** The middles of the boxes. */
  readonly along: Float64Array;
  readonly across: Float64Array;
  /** For an edge that skips layers, where it passes each of them; null for one that skips none. */
  readonly routes: ReadonlyArray<Float64Array | null>;
  readonly crossings: number;
}

const SWEEPS_COLD = 24;
const SWEEPS_WARM = 2;

/** A cold search tries several starts while the graph has at most so many nodes and dummies. */
const STARTS: ReadonlyArray<{ fromSinks: boolean; mirrored: boolean; sizeMax: number }> = [
  { fromSinks: false, mirrored: false, sizeMax: Infinity },
  { fromSinks: true, mirrored: false, sizeMax: 8_000 },
  { fromSinks: false, mirrored: true, sizeMax: 2_000 },
  { fromSinks: true, mirrored: true, sizeMax: 2_000 }
];

/** Lay out a graph; throws `CycleError` when it has no layers. */
export function layout(input: LayoutInput): Layout {
  const graph = layered(input.n, input.src, input.dst);
  const held = input.previous ?? null;
  const { order, crossings } = held ? warmOrder(graph, input, held) : coldOrder(graph, input);
  const x = placed(graph, order, { box: input.box.across, gap: input.gap.across }, held);
  const along = new Float64Array(input.n);
  for (let v = 0; v < input.n; v++) {
    along[v] = graph.rank[v] * (input.box.along + input.gap.along);
  }
  const routes = Array.from(graph.chain, (first, edge) =>
    first < 0 ? null : x.slice(first, first + graph.rank[input.dst[edge]] - graph.rank[input.src[edge]] - 1)
  );
  const [rank, across] = [graph.rank.slice(0, input.n), x.slice(0, input.n)];
  return { ranks: graph.ranks, rank, along, across, routes, crossings };
}

function coldOrder(graph: Layered, input: LayoutInput): { order: Order; crossings: number } {
  let best: { order: Order; crossings: number } | null = null;
  for (const { fromSinks, mirrored, sizeMax } of STARTS) {
    if (best && (best.crossings === 0 || graph.size > sizeMax)) {
      break;
    }
    const found = untangled(graph, depthFirst(graph, fromSinks, mirrored), input.sweeps ?? SWEEPS_COLD);
    best = best && best.crossings <= found.crossings ? best : found;
  }
  return best ?? { order: [], crossings: 0 };
}

/** Known nodes keep their old order; new ones go beside their neighbours, dummies on the line between the ends. */
function warmOrder(graph: Layered, input: LayoutInput, held: Float64Array): { order: Order; crossings: number } {
  const key = new Float64Array(graph.size);
  for (let v = 0; v < graph.n; v++) {
    key[v] = v < held.length ? held[v] : NaN;
  }
  for (const v of graph.topological) {
    if (Number.isNaN(key[v])) {
      const beside = meanKey(graph, key, v);
      // Half a box further on, so that a new branch comes after the one that is there.
      key[v] = beside === null ? 0 : beside + input.box.across * 0.51;
    }
  }
  for (let edge = 0; edge < graph.chain.length; edge++) {
    const [s, t] = [input.src[edge], input.dst[edge]];
    const span = graph.rank[t] - graph.rank[s];
    for (let step = 1; step < span; step++) {
      key[graph.chain[edge] + step - 1] = key[s] + ((key[t] - key[s]) * step) / span;
    }
  }
  return untangled(graph, byKey(graph, key), input.sweeps ?? SWEEPS_WARM);
}

function meanKey(graph: Layered, key: Float64Array, v: number): number | null {
  for (const side of [graph.into, graph.out]) {
    let [sum, count] = [0, 0];
    for (let k = side.start[v]; k < side.start[v + 1]; k++) {
      const value = key[side.list[k]];
      if (!Number.isNaN(value)) {
        sum += value;
        count++;
      }
    }
    if (count > 0) {
      return sum / count;
    }
  }
  return null;
}
