/**
 * One graph ready to be drawn: its tasks, their places and how they stand. Replaced as a whole, never changed.
 * Must not know the size of the view.
 */
import type { Pipeline } from '../model';
import { Direction, Placement, carried, place } from './placement';
import type { Tally } from './tally';
import type { Topology } from './topology';

export interface Drawn {
  readonly pipeline: Pipeline;
  readonly topology: Topology;
  readonly placement: Placement;
  readonly tally: Tally;
  /** Per node its place within its layer, from 1, and how many stand there. */
  readonly position: Int32Array;
  readonly siblings: Int32Array;
}

/** Lay out a graph; after `old` in the same direction warm, so that known tasks stay about where they are. */
export function drawnOf(
  pipeline: Pipeline,
  topology: Topology,
  tally: Tally,
  direction: Direction,
  old: Drawn | null
): Drawn {
  const warm = old?.placement.direction === direction ? carried(old.topology, old.placement, topology) : undefined;
  const placement = place(topology, direction, warm);
  const counts = new Int32Array(placement.layout.ranks);
  // In the order of the notebook, which is that of the nodes.
  const position = placement.layout.rank.map(rank => ++counts[rank]);
  return { pipeline, topology, tally, placement, position, siblings: placement.layout.rank.map(rank => counts[rank]) };
}

/** Where a task of one graph is in another, by its id; -1 when it is gone. */
export function carriedIndex(from: Topology | undefined, to: Topology, i: number): number {
  return from && i >= 0 ? (to.index.get(from.ids[i]) ?? -1) : -1;
}
