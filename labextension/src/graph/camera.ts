/**
 * From the plane of the graph to the pixels of the view: pure arithmetic on a scale and an offset.
 * Must not hold state or touch the DOM.
 */
import { CARD, Rect } from './placement';

/** A point of the plane is shown at `point · k + (x, y)`. */
export interface Camera {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const SCALE_MAX = 2;
const SCALE_MIN = 0.2;

/** At this scale the second line of a card is legible. */
export const SCALE_READABLE = 0.8;

/** Below this a whole graph is too small to open on. */
export const SCALE_OPEN_MIN = 0.45;

/** The height of the bar in the corner of the view, with the air around it. */
const BAR = 50;

/** The whole graph, as large as fits; higher than the middle as far as that brings it out from under the bar. */
export function fitted(bounds: Rect, size: Size): Camera {
  const [w, h] = [bounds.x1 - bounds.x0, bounds.y1 - bounds.y0];
  const k = Math.min(1, size.width / w, size.height / h);
  const top = Math.min((size.height - h * k) / 2, Math.max(0, size.height - BAR - h * k));
  return { k, x: (size.width - w * k) / 2 - bounds.x0 * k, y: top - bounds.y0 * k };
}

/** Scaled about a point of the view, no farther out than the fitted graph needs. */
export function zoomed(camera: Camera, factor: number, at: { x: number; y: number }, scaleFit: number): Camera {
  const k = Math.max(Math.min(scaleFit, SCALE_MIN), Math.min(SCALE_MAX, camera.k * factor));
  const f = k / camera.k;
  return { k, x: at.x - (at.x - camera.x) * f, y: at.y - (at.y - camera.y) * f };
}

export function centred(point: { x: number; y: number }, k: number, size: Size): Camera {
  return { k, x: size.width / 2 - point.x * k, y: size.height / 2 - point.y * k };
}

/** The least shift that brings a card wholly into the free part of the view. */
export function revealing(camera: Camera, card: { x: number; y: number }, free: Rect): Camera {
  const pad = 16;
  const [w, h] = [(CARD.width / 2) * camera.k + pad, (CARD.height / 2) * camera.k + pad];
  const [sx, sy] = [card.x * camera.k + camera.x, card.y * camera.k + camera.y];
  return {
    k: camera.k,
    x: camera.x + into(sx, free.x0 + w, free.x1 - w),
    y: camera.y + into(sy, free.y0 + h, free.y1 - h)
  };
}

function into(value: number, low: number, high: number): number {
  return low > high ? (low + high) / 2 - value : value < low ? low - value : value > high ? high - value : 0;
}

/** A step of the way between two cameras; the scale changes by even factors, and a fixed point stays fixed. */
export function between(from: Camera, to: Camera, u: number): Camera {
  const k = from.k * (to.k / from.k) ** u;
  const way = Math.abs(to.k - from.k) < 1e-6 ? u : (k - from.k) / (to.k - from.k);
  return { k, x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way };
}

/** What the view shows, on the plane. */
export function seen(camera: Camera, size: Size): Rect {
  return {
    x0: -camera.x / camera.k,
    y0: -camera.y / camera.k,
    x1: (size.width - camera.x) / camera.k,
    y1: (size.height - camera.y) / camera.k
  };
}

export function isInside(bounds: Rect, shown: Rect, slack: number): boolean {
  return (
    bounds.x0 >= shown.x0 - slack &&
    bounds.y0 >= shown.y0 - slack &&
    bounds.x1 <= shown.x1 + slack &&
    bounds.y1 <= shown.y1 + slack
  );
}
