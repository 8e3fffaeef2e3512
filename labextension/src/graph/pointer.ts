/**
 * Mouse, touch and wheel on the view: drag to pan, Ctrl or Cmd and wheel to zoom, click to choose.
 * Must not take the plain wheel, which scrolls the notebook.
 */
import type { Lifetime } from './lifetime';

export interface PointerEvents {
  pan(dx: number, dy: number): void;
  /** A factor, about a point of the view. */
  zoom(factor: number, x: number, y: number): void;
  click(target: EventTarget | null, x: number, y: number): void;
  open(target: EventTarget | null, x: number, y: number): void;
  hover(target: EventTarget | null, x: number, y: number): void;
  leave(): void;
}

/** A pointer that moved less has clicked. */
const DRAG_MIN = 4;

/** A notch of a wheel is at most so much; touchpads send many small steps. */
const NOTCH_MAX = 40;

export function followPointer(view: HTMLElement, life: Lifetime, events: PointerEvents): void {
  let drag: { x: number; y: number; moved: boolean } | null = null;
  let dragged = false;
  const at = (event: MouseEvent): [number, number] => {
    const box = view.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  life.listen(view, 'pointerdown', event => {
    dragged = false;
    drag = event.button === 0 ? { x: event.clientX, y: event.clientY, moved: false } : null;
  });
  life.listen(view, 'pointermove', event => {
    if (!drag) {
      events.hover(event.target, ...at(event));
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.abs(dx) + Math.abs(dy) < DRAG_MIN) {
      return;
    }
    if (!drag.moved) {
      view.setPointerCapture(event.pointerId);
      view.classList.add('pj-dragging');
      dragged = true;
    }
    drag = { x: event.clientX, y: event.clientY, moved: true };
    events.pan(dx, dy);
  });
  const drop = () => {
    drag = null;
    view.classList.remove('pj-dragging');
  };
  life.listen(view, 'pointerup', drop);
  life.listen(view, 'pointercancel', drop);
  life.listen(view, 'pointerleave', () => events.leave());
  // A click, not a pointer's release: assistive technology sends nothing else.
  life.listen(view, 'click', event => {
    if (!dragged) {
      events.click(event.target, ...at(event));
    }
    dragged = false;
  });
  life.listen(view, 'dblclick', event => events.open(event.target, ...at(event)));
  life.listen(
    view,
    'wheel',
    event => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        event.stopPropagation();
        const step = Math.max(-NOTCH_MAX, Math.min(NOTCH_MAX, event.deltaY));
        events.zoom(Math.exp(-step * 0.007), ...at(event));
      }
    },
    { passive: false }
  );
}
