/**
 * The order of the nodes within each layer, chosen for few crossings: barycentre sweeps and swaps of neighbours.
 * Must not set coordinates.
 */
import { Adjacency, degree } from './adjacency';
import type { Layered } from './layering';

/** One array of nodes per layer. */
export type Order = Int32Array[];

/** Sweeps without gain after which a search gives up. */
const PATIENCE = 4;

/** Depth-first from one end, so that branches start out side by side; `mirrored` takes them last first. */
export function depthFirst(graph: Layered, fromSinks: boolean, mirrored: boolean): Order {
  const next = fromSinks ? graph.up : graph.down;
  const before = fromSinks ? graph.down : graph.up;
  const layers: number[][] = Array.from({ length: graph.ranks }, () => []);
  const seen = new Uint8Array(graph.size);
  const stack: number[] = [];
  for (let i = 0; i < graph.n; i++) {
    const root = graph.topological[fromSinks ? graph.n - 1 - i : i];
    if (seen[root] || degree(before, root) > 0) {
      continue;
    }
    seen[root] = 1;
    stack.push(root);
    while (stack.length) {
      const v = stack.pop() as number;
      layers[graph.rank[v]].push(v);
      const [first, last] = [next.start[v], next.start[v + 1] - 1];
      for (let k = first; k <= last; k++) {
        const u = next.list[mirrored ? k : first + last - k];
        if (!seen[u]) {
          seen[u] = 1;
          stack.push(u);
        }
      }
    }
  }
  return layers.map(layer => Int32Array.from(layer));
}

/** By a number per node, lowest first; equal numbers keep the order of the nodes. */
export function byKey(graph: Layered, key: Float64Array): Order {
  const layers: number[][] = Array.from({ length: graph.ranks }, () => []);
  for (let v = 0; v < graph.size; v++) {
    layers[graph.rank[v]].push(v);
  }
  return layers.map(layer => Int32Array.from(layer.sort((a, b) => key[a] - key[b] || a - b)));
}

/** Improve an order for at most `sweeps` sweeps and return the best one seen with its crossings. */
export function untangled(graph: Layered, start: Order, sweeps: number): { order: Order; crossings: number } {
  const order = start.map(layer => layer.slice());
  const place = new Int32Array(graph.size);
  order.forEach(layer => layer.forEach((v, i) => (place[v] = i)));
  const scratch = new Float64Array(graph.size);
  let best = order.map(layer => layer.slice());
  let crossings = countCrossings(graph, order, place);
  let idle = 0;
  for (let sweep = 0; sweep < sweeps && crossings > 0 && idle < PATIENCE; sweep++) {
    const downwards = sweep % 2 === 0;
    for (let i = 0; i < graph.ranks; i++) {
      const layer = order[downwards ? i : graph.ranks - 1 - i];
      sortByBarycentre(layer, downwards ? graph.up : graph.down, place, scratch, sweep % 4 > 1);
    }
    for (let round = 0, swapped = true; swapped && round < 4; round++) {
      swapped = false;
      for (let i = 0; i < graph.ranks; i++) {
        swapped = swapNeighbours(graph, order[downwards ? i : graph.ranks - 1 - i], place) || swapped;
      }
    }
    const found = countCrossings(graph, order, place);
    idle = found < crossings ? 0 : idle + 1;
    if (found < crossings) {
      crossings = found;
      best = order.map(layer => layer.slice());
    }
  }
  return { order: best, crossings };
}

/** Nodes without a neighbour on that side keep their place; ties fall the other way round when `flip` is set. */
function sortByBarycentre(
  layer: Int32Array,
  side: Adjacency,
  place: Int32Array,
  centre: Float64Array,
  flip: boolean
): void {
  const moving: number[] = [];
  const free: number[] = [];
  for (let i = 0; i < layer.length; i++) {
    const v = layer[i];
    const [from, to] = [side.start[v], side.start[v + 1]];
    if (from === to) {
      continue;
    }
    let sum = 0;
    for (let k = from; k < to; k++) {
      sum += place[side.list[k]];
    }
    centre[v] = sum / (to - from);
    moving.push(v);
    free.push(i);
  }
  const tie = flip ? -1 : 1;
  moving.sort((a, b) => centre[a] - centre[b] || tie * (place[a] - place[b]));
  moving.forEach((v, i) => (layer[free[i]] = v));
  for (let i = 0; i < layer.length; i++) {
    place[layer[i]] = i;
  }
}

/** One pass along a layer; true when some pair was better the other way round. */
function swapNeighbours(graph: Layered, layer: Int32Array, place: Int32Array): boolean {
  let swapped = false;
  for (let i = 0; i + 1 < layer.length; i++) {
    const [a, b] = [layer[i], layer[i + 1]];
    if (gain(graph.up, a, b, place) + gain(graph.down, a, b, place) > 0) {
      layer[i] = b;
      layer[i + 1] = a;
      place[b] = i;
      place[a] = i + 1;
      swapped = true;
    }
  }
  return swapped;
}

/** Crossings between the links of `a` and `b` that go away when they change places. */
function gain(side: Adjacency, a: number, b: number, place: Int32Array): number {
  let sum = 0;
  for (let i = side.start[a]; i < side.start[a + 1]; i++) {
    const p = place[side.list[i]];
    for (let k = side.start[b]; k < side.start[b + 1]; k++) {
      sum += Math.sign(p - place[side.list[k]]);
    }
  }
  return sum;
}

/** Inversions counted in an accumulator tree (Barth, Mutzel and Jünger, 2004): O(links · log layer). */
function countCrossings(graph: Layered, order: Order, place: Int32Array): number {
  let crossings = 0;
  for (let r = 0; r + 1 < graph.ranks; r++) {
    let leaves = 1;
    while (leaves < order[r + 1].length) {
      leaves *= 2;
    }
    const tree = new Int32Array(2 * leaves);
    for (const v of order[r]) {
      const targets = graph.down.list.slice(graph.down.start[v], graph.down.start[v + 1]).map(u => place[u]);
      for (const target of targets.sort()) {
        for (let i = target + leaves; i > 0; i >>= 1) {
          if (i > 1 && i % 2 === 0) {
            crossings += tree[i + 1];
          }
          tree[i]++;
        }
      }
    }
  }
  return crossings;
}
