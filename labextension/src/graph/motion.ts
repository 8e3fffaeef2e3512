/**
 * A short way from one camera to another, and of cards from their old places to the new ones.
 * Must not schedule frames: whoever draws them asks how far it is.
 */
import { Camera, between } from './camera';
import type { Placement } from './placement';

const MOVE_MS = 260;

export class Motion {
  /** Eased, from 0 to 1. */
  progress = 0;
  ended = false;
  private start: number | null = null;

  /** `source` tells per task which one of `old` it was, or -1; without it only the camera moves. */
  constructor(
    private readonly from: Camera,
    readonly to: Camera,
    private readonly old: Placement | null = null,
    private readonly source: Int32Array | null = null
  ) {}

  get movesCards(): boolean {
    return this.source !== null;
  }

  /** The camera at a frame's time; null asks again for where it is. */
  at(time: number | null): Camera {
    if (time !== null) {
      this.start ??= time;
      const u = Math.min(1, (time - this.start) / MOVE_MS);
      this.progress = 1 - (1 - u) ** 3;
      this.ended = u === 1;
    }
    return this.ended ? this.to : between(this.from, this.to, this.progress);
  }

  /** Where a card is on its way to its place; new cards are there at once. */
  place(i: number, x: number, y: number): [number, number] {
    const was = this.source ? this.source[i] : -1;
    if (!this.old || was < 0) {
      return [x, y];
    }
    const [x0, y0] = [this.old.x[was], this.old.y[was]];
    return [x0 + (x - x0) * this.progress, y0 + (y - y0) * this.progress];
  }
}
