/**
 * The colours a canvas needs, read from the CSS of the view: a canvas cannot use variables itself.
 * Must not choose colours; graph.css does.
 */
import { TONES } from './status';

export interface Palette {
  /** By the place of a tone in `TONES`. */
  readonly tones: readonly string[];
  readonly edge: string;
  readonly up: string;
  readonly down: string;
  readonly paper: string;
  readonly ink: string;
  readonly muted: string;
  readonly select: string;
  readonly font: string;
}

/** Resolve the variables once; call again when the theme changes. */
export function paletteOf(root: HTMLElement): Palette {
  const probe = document.createElement('span');
  probe.hidden = true;
  root.appendChild(probe);
  const colour = (name: string): string => {
    probe.style.color = `var(--pj-${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    tones: TONES.map(colour),
    edge: colour('edge'),
    up: colour('up'),
    down: colour('down'),
    paper: colour('paper'),
    ink: colour('ink'),
    muted: colour('muted'),
    select: colour('select'),
    font: getComputedStyle(root).fontFamily
  };
  probe.remove();
  return palette;
}

export function prefersStillness(): boolean {
  return typeof matchMedia === 'function' && matchMedia('(prefers-reduced-motion: reduce)').matches;
}
