/**
 * Where to look first, and where to look after the graph changed under the reader.
 * Must not move anything itself.
 */
import { Camera, SCALE_OPEN_MIN, SCALE_READABLE, Size, centred, fitted } from './camera';
import type { Drawn } from './drawn';
import { isBehind } from './status';

/** A graph of so many tasks may be shown whole although it is small: its cards still carry names. */
const SMALL = 120;

/** The whole graph if it can be read, else the part where something happens. */
export function opening({ placement, topology, tally, pipeline }: Drawn, size: Size): Camera {
  if (size.width === 0) {
    return { k: 1, x: 0, y: 0 };
  }
  const whole = fitted(placement.bounds, size);
  if (whole.k >= SCALE_OPEN_MIN * (topology.n <= SMALL ? 0.7 : 1)) {
    return whole;
  }
  const active = runningTasks(tally.active);
  const i = active.length ? active[active.length >> 1] : Math.max(0, pipeline.rows.findIndex(isBehind));
  return centred({ x: placement.x[i], y: placement.y[i] }, SCALE_READABLE, size);
}

/** The camera under which `was` of the old graph and `is` of the new one are at the same pixel. */
export function anchored(camera: Camera, old: Drawn, was: number, next: Drawn, is: number): Camera {
  const { k, x, y } = camera;
  const dx = old.placement.x[was] - next.placement.x[is];
  const dy = old.placement.y[was] - next.placement.y[is];
  return { k, x: x + dx * k, y: y + dy * k };
}

/** In the order of the notebook. */
export function runningTasks(active: ReadonlySet<number>): number[] {
  return [...active].sort((a, b) => a - b);
}
