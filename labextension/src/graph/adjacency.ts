/**
 * Neighbours of a graph as two flat arrays (compressed sparse rows).
 * Must not know what the nodes are.
 */

/** The neighbours of `v` are `list[start[v]] … list[start[v + 1] - 1]`, in the order the links were given. */
export interface Adjacency {
  readonly start: Int32Array;
  readonly list: Int32Array;
}

/** Group `to` by `from`; with `byLink` the lists hold the links' own indexes instead. */
export function adjacency(nodes: number, from: Int32Array, to: Int32Array, byLink = false): Adjacency {
  const start = new Int32Array(nodes + 1);
  for (let link = 0; link < from.length; link++) {
    start[from[link] + 1]++;
  }
  for (let v = 0; v < nodes; v++) {
    start[v + 1] += start[v];
  }
  const next = start.slice(0, nodes);
  const list = new Int32Array(from.length);
  for (let link = 0; link < from.length; link++) {
    list[next[from[link]]++] = byLink ? link : to[link];
  }
  return { start, list };
}

export function degree(graph: Adjacency, v: number): number {
  return graph.start[v + 1] - graph.start[v];
}
