/**
 * Which lane of connector lines each task of the list stands in.
 * Must not know pixels. The kernel draws the same lanes in the saved picture: tests hold the two together.
 */
import type { Edge } from '../model';

/** More lanes than this would be wider than the names beside them: the last one is shared. */
export const LANES_MAX = 8;

/**
 * A task's line runs down its lane to its last reader. That one goes on in the same lane, so that a chain is one
 * straight line; any other task takes the first lane that is free.
 */
export function lanesOf(count: number, edges: readonly Edge[]): number[] {
  const last = Array.from({ length: count }, (_, row) => row);
  for (const [source, target] of edges) {
    if (source < target && target < count) {
      last[source] = Math.max(last[source], target);
    }
  }
  const owners: number[] = [];
  return last.map((end, row) => {
    const ending = owners.findIndex(owner => last[owner] === row);
    const free = owners.findIndex(owner => last[owner] < row);
    const lane = [ending, free, Math.min(owners.length, LANES_MAX - 1)].find(found => found >= 0) ?? 0;
    if (lane === owners.length || last[owners[lane]] <= end) {
      owners[lane] = row;
    }
    return lane;
  });
}
