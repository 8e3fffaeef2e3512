/**
 * Moves the camera for a person, and remembers whether one has: then it is no longer moved for them.
 * Must not select or focus anything.
 */
import type { Attention } from './attention';
import { SCALE_READABLE, centred, fitted } from './camera';
import type { Drawn } from './drawn';
import { runningTasks } from './opening';
import type { Stage } from './stage';

export class Pilot {
  steered = false;
  private visits = 0;

  constructor(
    private readonly stage: Stage,
    private readonly drawn: () => Drawn | null
  ) {}

  pan(dx: number, dy: number): void {
    this.steered = true;
    this.stage.pan(dx, dy);
  }

  zoom(factor: number, x?: number, y?: number): void {
    this.steered = true;
    this.stage.zoom(factor, x, y);
  }

  fit(): void {
    const drawn = this.drawn();
    if (drawn && this.stage.size.width > 0) {
      this.steered = false;
      this.stage.glide(fitted(drawn.placement.bounds, this.stage.size));
    }
  }

  centre(i: number): void {
    const drawn = this.drawn();
    if (drawn && this.stage.size.width > 0) {
      const { x, y } = drawn.placement;
      const k = Math.max(this.stage.camera.k, SCALE_READABLE);
      this.steered = true;
      this.stage.glide(centred({ x: x[i], y: y[i] }, k, this.stage.size));
    }
  }

  /** Bring a card into sight; `covered` pixels at the bottom of the view are under something else. */
  reveal(i: number, covered: number): void {
    if (this.stage.reveal(i, covered)) {
      this.steered = true;
    }
  }

  /** Go to a running task, each time to the next one; -1 when none runs. */
  visitRunning(): number {
    const active = runningTasks(this.drawn()?.tally.active ?? new Set());
    if (active.length === 0) {
      return -1;
    }
    const i = active[this.visits++ % active.length];
    this.centre(i);
    return i;
  }

  /** The task that shall stay where it is on the screen when the graph is laid out again, or -1. */
  anchor({ selected, hovered }: Attention): number {
    if (selected >= 0 || hovered >= 0) {
      return selected >= 0 ? selected : hovered;
    }
    return this.steered ? this.stage.middle() : -1;
  }
}
