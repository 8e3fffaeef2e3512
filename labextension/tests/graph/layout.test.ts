import { describe, expect, test } from 'vitest';

import { CycleError, LayoutInput, layout } from '../../src/graph/layout';
import { CARD, Direction, place } from '../../src/graph/placement';
import { Topology, topologyOf } from '../../src/graph/topology';
import { Shape, node, random, shape } from './corpus';

/** Crossings that `dot` of Graphviz 2.43 reports (`dot -v`, left to right) for `shape(nodes, seed)`. */
const DOT: ReadonlyArray<[nodes: number, seed: number, crossings: number]> = [
  [60, 21, 1],
  [60, 1, 0],
  [60, 2, 0],
  [60, 3, 0],
  [60, 4, 0],
  [60, 5, 1],
  [60, 6, 2],
  [60, 7, 1],
  [200, 1, 15],
  [200, 2, 20],
  [200, 3, 16],
  [1000, 21, 602],
  [1000, 1, 496]
];

const SPACE = { box: { along: 180, across: 56 }, gap: { along: 64, across: 22 } };

function input(n: number, edges: readonly (readonly number[])[], previous?: Float64Array): LayoutInput {
  const [src, dst] = [0, 1].map(end => Int32Array.from(edges, edge => edge[end]));
  return { n, src, dst, ...SPACE, previous };
}

/** The first `n` nodes of a shape, as if the rest of the notebook had yet to be written. */
function beginning({ edges }: Shape, n: number): [number, number][] {
  return edges.filter(([from, to]) => from < n && to < n);
}

function widened(across: Float64Array, n: number): Float64Array {
  const previous = new Float64Array(n).fill(NaN);
  previous.set(across);
  return previous;
}

function meanMove(before: Float64Array, after: Float64Array): number {
  return before.reduce((sum, at, i) => sum + Math.abs(at - after[i]), 0) / before.length;
}

function topology(n: number, edges: readonly (readonly number[])[]): Topology {
  return topologyOf(
    Array.from({ length: n }, (_, i) => node(`t${i}`)),
    edges.map(([from, to]) => [from, to, []] as const)
  );
}

/** Points along an edge as it is drawn: curves between every second pair of corners, straight lines between. */
function* drawn(line: Float64Array, direction: Direction): Generator<[number, number]> {
  for (let i = 2; i < line.length; i += 2) {
    const [x0, y0, x1, y1] = line.slice(i - 2, i + 2);
    for (let u = 0; u <= 1; u += 1 / 32) {
      const smooth = u * u * (3 - 2 * u);
      // A Bézier curve whose handles lie half way along and level with its ends.
      const level = 1.5 * u * (1 - u) ** 2 + 1.5 * u * u * (1 - u) + u ** 3;
      const straight = i % 4 === 0;
      const [along, across] = straight ? [u, u] : [level, smooth];
      const [ux, uy] = direction === 'right' ? [along, across] : [across, along];
      yield [x0 + (x1 - x0) * ux, y0 + (y1 - y0) * uy];
    }
  }
}

function edgesThroughBoxes(topology: Topology, direction: Direction): number {
  const { x, y, lines } = place(topology, direction);
  const [w, h] = [CARD.width / 2 - 1, CARD.height / 2 - 1];
  let found = 0;
  lines.forEach((line, edge) => {
    for (const [px, py] of drawn(line, direction)) {
      for (let i = 0; i < topology.n; i++) {
        const isEnd = i === topology.src[edge] || i === topology.dst[edge];
        found += !isEnd && Math.abs(px - x[i]) < w && Math.abs(py - y[i]) < h ? 1 : 0;
      }
    }
  });
  return found;
}

describe('a cold layout', () => {
  test.each(DOT)('of %i tasks (seed %i) crosses little more than dot, which has %i', (n, seed, dot) => {
    const { edges } = shape(n, seed);
    // A graph with next to no crossings may have two more: 1.6 times nothing is nothing.
    expect(layout(input(n, edges)).crossings).toBeLessThanOrEqual(Math.max(1.6 * dot, dot + 2));
  });

  test('puts every task behind what it depends on', () => {
    const { edges } = shape(200, 1);
    const { rank } = layout(input(200, edges));
    expect(edges.filter(([from, to]) => rank[from] >= rank[to])).toEqual([]);
  });

  test.each([
    [12, 'right'],
    [60, 'right'],
    [60, 'down'],
    [200, 'right']
  ] as const)('of %i tasks leads no edge through a box (%s)', (n, direction) => {
    expect(edgesThroughBoxes(topology(n, shape(n, 2).edges), direction)).toBe(0);
  });

  test.each([1, 2, 3])('of a dense graph leads no edge through a box (seed %i)', seed => {
    const next = random(seed);
    const pairs = Array.from({ length: 70 }, () =>
      [Math.floor(next() * 30), Math.floor(next() * 30)].sort((a, b) => a - b)
    );
    const edges = pairs.filter(([from, to]) => from < to);
    expect(edgesThroughBoxes(topology(30, edges), 'right')).toBe(0);
  });

  test('keeps boxes apart', () => {
    const { rank, across } = layout(input(200, shape(200, 3).edges));
    for (let r = 0; r <= Math.max(...rank); r++) {
      const lane = [...across.filter((_, i) => rank[i] === r)].sort((a, b) => a - b);
      lane.slice(1).forEach((at, i) => expect(at - lane[i]).toBeGreaterThanOrEqual(SPACE.box.across + 4));
    }
  });

  test('is the same every time and leaves its input alone', () => {
    const given = input(60, shape(60, 5).edges);
    const [src, dst] = [given.src.slice(), given.dst.slice()];
    expect(layout(given)).toEqual(layout(given));
    expect([given.src, given.dst]).toEqual([src, dst]);
  });

  test('handles nothing, one task, and tasks without edges', () => {
    expect(layout(input(0, [])).ranks).toBe(0);
    expect([...layout(input(1, [])).across]).toEqual([0]);
    expect(new Set(layout(input(5, [])).across).size).toBe(5);
  });

  test('refuses a cycle and names its nodes in order', () => {
    const cyclic = () =>
      layout(
        input(5, [
          [0, 1],
          [1, 2],
          [2, 3],
          [3, 1],
          [3, 4]
        ])
      );
    expect(cyclic).toThrow(CycleError);
    try {
      cyclic();
    } catch (error) {
      const nodes = [...(error as CycleError).nodes];
      expect([...nodes].sort()).toEqual([1, 2, 3]);
      expect(nodes[(nodes.indexOf(1) + 1) % 3]).toBe(2);
    }
  });

  test('refuses a task that depends on itself', () => {
    expect(() => layout(input(1, [[0, 0]]))).toThrow(CycleError);
  });
});

describe('a warm layout', () => {
  test.each([21, 1, 2, 3])('of a graph that grows from 8 to 60 moves tasks at most 25 px a step (seed %i)', seed => {
    const all = shape(60, seed);
    let before = layout(input(8, beginning(all, 8)));
    let moved = 0;
    for (let n = 9; n <= 60; n++) {
      const after = layout(input(n, beginning(all, n), widened(before.across, n)));
      moved += meanMove(before.across, after.across);
      before = after;
    }
    expect(moved / 52).toBeLessThanOrEqual(25);
    expect(before.crossings).toBeLessThanOrEqual(layout(input(60, all.edges)).crossings + 4);
  });

  test.each(['leaf', 'mid', 'root'] as const)('of 1,000 tasks and a new %s moves tasks at most 35 px', kind => {
    const { edges } = shape(1000, 21);
    const before = layout(input(1000, edges));
    let moved = 0;
    for (let k = 0; k < 8; k++) {
      const at = edges[Math.floor(((k + 0.5) * edges.length) / 8)];
      const [from, to] = at;
      const added: [number, number][] = {
        leaf: [[from, 1000]],
        mid: [
          [from, 1000],
          [1000, to]
        ],
        root: [[1000, to]]
      }[kind] as [number, number][];
      const next = [...edges.filter(edge => kind !== 'mid' || edge !== at), ...added];
      moved += meanMove(before.across, layout(input(1001, next, widened(before.across, 1001))).across);
    }
    expect(moved / 8).toBeLessThanOrEqual(35);
  });

  test('of an unchanged graph changes no order', () => {
    const { edges } = shape(60, 6);
    const before = layout(input(60, edges));
    const after = layout(input(60, edges, before.across));
    const order = (across: Float64Array) =>
      [...across.keys()].sort((a, b) => before.rank[a] - before.rank[b] || across[a] - across[b]);
    expect(order(after.across)).toEqual(order(before.across));
  });

  test('keeps boxes apart', () => {
    const all = shape(60, 2);
    const before = layout(input(50, beginning(all, 50)));
    const graph = topology(60, all.edges);
    const placed = place(graph, 'right', widened(before.across, 60));
    expect(placed.lines).toHaveLength(all.edges.length);
    const { rank, across } = placed.layout;
    const tooNear = [...across.keys()].filter(i =>
      [...across.keys()].some(j => j < i && rank[i] === rank[j] && Math.abs(across[i] - across[j]) < 56)
    );
    expect(tooNear).toEqual([]);
  });
});
