/**
 * Which layer a node stands in, and the chains of dummies that carry long edges through the layers between.
 * Must not decide the order within a layer or any coordinate.
 */
import { Adjacency, adjacency, degree } from './adjacency';

/** The edges lead in a circle, so the graph has no layers. */
export class CycleError extends Error {
  override readonly name = 'CycleError';

  /** `nodes` is one circle, in the direction of its edges. */
  constructor(readonly nodes: readonly number[]) {
    super(`The graph has a cycle through ${nodes.length} node(s): ${nodes.join(' → ')}.`);
  }
}

/** A graph in layers: nodes `0 … n - 1` are real, those from `n` on are dummies, and every link spans one layer. */
export interface Layered {
  readonly n: number;
  readonly size: number;
  readonly ranks: number;
  readonly rank: Int32Array;
  /** The real nodes, each after all of its sources. */
  readonly topological: Int32Array;
  /** An edge's first dummy, or -1; its dummies are numbered consecutively. */
  readonly chain: Int32Array;
  /** Edges between real nodes, from their source and from their target. */
  readonly out: Adjacency;
  readonly into: Adjacency;
  /** Links from layer to layer, dummies included. */
  readonly down: Adjacency;
  readonly up: Adjacency;
}

export function layered(n: number, src: Int32Array, dst: Int32Array): Layered {
  const out = adjacency(n, src, dst);
  const into = adjacency(n, dst, src);
  const { rank, topological } = longestPath(n, out, into);
  pullDown(rank, topological, out, into);
  let ranks = 0;
  for (let v = 0; v < n; v++) {
    ranks = Math.max(ranks, rank[v] + 1);
  }
  return { n, ranks, topological, out, into, ...withDummies(n, rank, src, dst) };
}

function longestPath(n: number, out: Adjacency, into: Adjacency): { rank: Int32Array; topological: Int32Array } {
  const rank = new Int32Array(n);
  const topological = new Int32Array(n);
  const waiting = new Int32Array(n);
  let tail = 0;
  for (let v = 0; v < n; v++) {
    waiting[v] = degree(into, v);
    if (waiting[v] === 0) {
      topological[tail++] = v;
    }
  }
  for (let head = 0; head < tail; head++) {
    const v = topological[head];
    for (let k = out.start[v]; k < out.start[v + 1]; k++) {
      const target = out.list[k];
      rank[target] = Math.max(rank[target], rank[v] + 1);
      if (--waiting[target] === 0) {
        topological[tail++] = target;
      }
    }
  }
  if (tail < n) {
    throw new CycleError(circle(waiting, into));
  }
  return { rank, topological };
}

/** Walk against the edges among the nodes that still wait: the walk must meet itself. */
function circle(waiting: Int32Array, into: Adjacency): number[] {
  const seen = new Map<number, number>();
  const walk: number[] = [];
  let v = waiting.findIndex(count => count > 0);
  while (!seen.has(v)) {
    seen.set(v, walk.length);
    walk.push(v);
    let k = into.start[v];
    while (waiting[into.list[k]] === 0) {
      k++;
    }
    v = into.list[k];
  }
  return walk.slice(seen.get(v)).reverse();
}

/** A node that feeds more than it consumes stands next to its nearest consumer: fewer and shorter edges. */
function pullDown(rank: Int32Array, topological: Int32Array, out: Adjacency, into: Adjacency): void {
  for (let i = topological.length - 1; i >= 0; i--) {
    const v = topological[i];
    if (degree(out, v) <= degree(into, v)) {
      continue;
    }
    let nearest = Infinity;
    for (let k = out.start[v]; k < out.start[v + 1]; k++) {
      nearest = Math.min(nearest, rank[out.list[k]]);
    }
    rank[v] = Math.max(rank[v], nearest - 1);
  }
}

function withDummies(n: number, real: Int32Array, src: Int32Array, dst: Int32Array) {
  let dummies = 0;
  for (let edge = 0; edge < src.length; edge++) {
    dummies += real[dst[edge]] - real[src[edge]] - 1;
  }
  const size = n + dummies;
  const rank = new Int32Array(size);
  rank.set(real);
  const chain = new Int32Array(src.length).fill(-1);
  const tops = new Int32Array(src.length + dummies);
  const bottoms = new Int32Array(src.length + dummies);
  let link = 0;
  let dummy = n;
  for (let edge = 0; edge < src.length; edge++) {
    let last = src[edge];
    if (rank[dst[edge]] - rank[last] > 1) {
      chain[edge] = dummy;
    }
    for (let r = rank[last] + 1; r < rank[dst[edge]]; r++) {
      rank[dummy] = r;
      tops[link] = last;
      bottoms[link++] = dummy;
      last = dummy++;
    }
    tops[link] = last;
    bottoms[link++] = dst[edge];
  }
  return { size, rank, chain, down: adjacency(size, tops, bottoms), up: adjacency(size, bottoms, tops) };
}
