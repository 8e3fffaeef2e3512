/**
 * Who depends on whom, by index: neighbours, lineage, and whether a new graph is the same one.
 * Must not know states or positions.
 */
import type { Edge, TaskNode } from '../model';
import { Adjacency, adjacency } from './adjacency';

export interface Topology {
  readonly n: number;
  readonly src: Int32Array;
  readonly dst: Int32Array;
  /** The edges that leave and that enter each node, by edge index. */
  readonly leaving: Adjacency;
  readonly entering: Adjacency;
  readonly ids: readonly string[];
  readonly index: ReadonlyMap<string, number>;
}

export type Side = 'up' | 'down';

/** What reaches a node and what it reaches. */
export interface Lineage {
  readonly nodes: ReadonlyMap<number, Side>;
  readonly edges: ReadonlyMap<number, Side>;
  readonly up: number;
  readonly down: number;
}

export function topologyOf(nodes: readonly TaskNode[], edges: readonly Edge[]): Topology {
  const src = Int32Array.from(edges, edge => edge[0]);
  const dst = Int32Array.from(edges, edge => edge[1]);
  const ids = nodes.map(node => node.id);
  return {
    n: nodes.length,
    src,
    dst,
    leaving: adjacency(nodes.length, src, dst, true),
    entering: adjacency(nodes.length, dst, src, true),
    ids,
    index: new Map(ids.map((id, i) => [id, i]))
  };
}

/** The same nodes in the same order with the same edges: nothing to lay out again. */
export function isSame(a: Topology, b: Topology): boolean {
  return (
    a.n === b.n &&
    a.src.length === b.src.length &&
    a.ids.every((id, i) => id === b.ids[i]) &&
    a.src.every((v, edge) => v === b.src[edge] && a.dst[edge] === b.dst[edge])
  );
}

export function edgesAt(side: Adjacency, v: number): Int32Array {
  return side.list.subarray(side.start[v], side.start[v + 1]);
}

export function lineageOf(topology: Topology, v: number): Lineage {
  const nodes = new Map<number, Side>();
  const edges = new Map<number, Side>();
  const walk = (side: Side, links: Adjacency, ends: Int32Array): number => {
    const before = nodes.size;
    const open = [v];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const edge of edgesAt(links, next)) {
        edges.set(edge, side);
        if (!nodes.has(ends[edge])) {
          nodes.set(ends[edge], side);
          open.push(ends[edge]);
        }
      }
    }
    return nodes.size - before;
  };
  const up = walk('up', topology.entering, topology.src);
  const down = walk('down', topology.leaving, topology.dst);
  return { nodes, edges, up, down };
}
