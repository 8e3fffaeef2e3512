/**
 * Pipelines to test on, the same every time: branches that fan out and join again, as notebooks have them.
 */
import type { Edge, Pipeline, StateName, TaskNode, TaskRow } from '../../src/model';

/** A small seeded generator of numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const VERBS =
  'load fetch read parse clean validate dedupe join enrich normalize aggregate featurize split train score rank export'.split(
    ' '
  );
const NOUNS = 'orders customers events sessions prices stock returns clicks weather stores models report'.split(' ');

export interface Shape {
  readonly names: string[];
  readonly total: number[];
  readonly edges: [number, number][];
}

/** `n` tasks in branches: from some open end a chain, mostly a fan and its join, now and then two ends joined. */
export function shape(n: number, seed: number): Shape {
  const next = random(seed);
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const names: string[] = [];
  const total: number[] = [];
  const keys = new Set<string>();
  const edges: [number, number][] = [];
  const add = (): number => {
    const stage = Math.floor((names.length / n) * VERBS.length + (next() - 0.5) * 5);
    const verb = VERBS[Math.max(0, Math.min(VERBS.length - 1, stage))];
    names.push(`${verb}_${NOUNS[between(0, NOUNS.length - 1)]}`);
    total.push(next() < 0.13 ? between(8, 120) : 0);
    return names.length - 1;
  };
  const link = (from: number, to: number) => {
    const key = `${from}:${to}`;
    if (from !== to && !keys.has(key)) {
      keys.add(key);
      edges.push([from, to]);
    }
  };
  const extend = (from: number): number => {
    const v = add();
    link(from, v);
    return v;
  };
  const full = () => names.length >= n - 1;
  const ends = n > 20 ? [add(), add()] : [add()];
  const width = Math.max(3, Math.sqrt(n) / 1.6);
  while (!full()) {
    const slot = between(0, ends.length - 1);
    let last = ends[slot];
    for (let steps = next() < 0.6 ? 1 : 2; steps > 0 && !full(); steps--) {
      last = extend(last);
    }
    if (next() < 0.62) {
      const fan: number[] = [];
      for (let branches = between(2, 6); branches > 0 && !full(); branches--) {
        let tip = extend(last);
        if (next() < 0.5 && !full()) {
          tip = extend(tip);
        }
        fan.push(tip);
      }
      if (fan.length > 1 && !full()) {
        last = add();
        fan.forEach(tip => link(tip, last));
        if (next() < 0.3 && ends.length > 1) {
          link(ends[(slot + 1) % ends.length], last);
        }
      } else if (fan.length) {
        last = fan[0];
      }
    }
    if (next() < 0.45) {
      ends.push(last);
    } else {
      ends[slot] = last;
    }
    if (ends.length > width && !full()) {
      const [a] = ends.splice(between(0, ends.length - 1), 1);
      const [b] = ends.splice(between(0, ends.length - 1), 1);
      const joined = add();
      link(a, joined);
      link(b, joined);
      ends.push(joined);
    }
  }
  while (names.length < n) {
    const v = add();
    ends.forEach(end => link(end, v));
  }
  return { names, total, edges };
}

export function node(id: string, more: Partial<TaskNode> = {}): TaskNode {
  return { id, name: id, cell: `cell-${id}`, label: '', total: 0, reads: [], writes: [], ...more };
}

export function row(state: StateName, more: Partial<TaskRow> = {}): TaskRow {
  const ended = state === 'Success' || state === 'Failed' || state === 'Cached';
  const began = ended || state === 'Running';
  return {
    state,
    verdict: 'fresh',
    t0: began ? 1_000 : null,
    t1: ended ? 2_200 : null,
    attempt: 1,
    done: 0,
    failed: 0,
    running: 0,
    note: '',
    reason: '',
    ...more
  };
}

export function pipeline(nodes: TaskNode[], edges: Edge[], rows: TaskRow[], more: Partial<Pipeline> = {}): Pipeline {
  return { session: 's', title: 'flights', rev: 1, nodes, edges, rows, run: null, clock: 0, connected: true, ...more };
}

/** A pipeline of the corpus in which the first part is done, some run and the rest waits. */
export function pipelineOf(n: number, seed = 21, done = 0.4): Pipeline {
  const { names, total, edges } = shape(n, seed);
  const nodes = names.map((name, i) => node(`t${i}`, { name, total: total[i], label: `[${i + 1}]` }));
  const rows = nodes.map((_, i) => row(i < n * done ? 'Success' : i < n * done + 3 ? 'Running' : 'Pending'));
  return pipeline(
    nodes,
    edges.map(([s, t]): Edge => [s, t, ['df']]),
    rows
  );
}
