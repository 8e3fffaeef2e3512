/**
 * The small bar in the corner of the view: zoom, fit, go to what runs, tidy, turn.
 * Must not hold the camera.
 */
import { element, iconButton, setText } from './element';
import type { Lifetime } from './lifetime';

export interface ToolbarEvents {
  zoom(factor: number): void;
  fit(): void;
  running(): void;
  tidy(): void;
  turn(): void;
}

export class Toolbar {
  private readonly scale: HTMLElement;

  constructor(parent: HTMLElement, life: Lifetime, events: ToolbarEvents) {
    const root = element('div', 'pj-toolbar', parent);
    root.setAttribute('role', 'toolbar');
    root.setAttribute('aria-label', 'View');
    life.listen(iconButton('plus', 'Zoom in (+)', root), 'click', () => events.zoom(1.3));
    life.listen(iconButton('minus', 'Zoom out (-)', root), 'click', () => events.zoom(1 / 1.3));
    life.listen(iconButton('fit', 'Fit graph (F)', root), 'click', () => events.fit());
    life.listen(iconButton('target', 'Go to running task (G)', root), 'click', () => events.running());
    life.listen(iconButton('tidy', 'Tidy', root), 'click', () => events.tidy());
    life.listen(iconButton('turn', 'Change direction', root), 'click', () => events.turn());
    this.scale = element('span', 'pj-scale', root);
  }

  show(k: number): void {
    setText(this.scale, `${Math.round(k * 100)}%`);
  }
}
