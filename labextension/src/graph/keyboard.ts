/**
 * Which key means what, and which task lies in which direction.
 * Must not act: it names a command and leaves the rest to the view.
 */
import { CARD, Placement } from './placement';

export type Way = 'left' | 'right' | 'up' | 'down';

export type Command = Way | 'first' | 'last' | 'select' | 'clear' | 'find' | 'fit' | 'running' | 'in' | 'out';

const KEYS: ReadonlyMap<string, Command> = new Map([
  ['ArrowLeft', 'left'],
  ['ArrowRight', 'right'],
  ['ArrowUp', 'up'],
  ['ArrowDown', 'down'],
  ['Home', 'first'],
  ['End', 'last'],
  ['Enter', 'select'],
  [' ', 'select'],
  ['Escape', 'clear'],
  ['/', 'find'],
  ['f', 'fit'],
  ['F', 'fit'],
  ['g', 'running'],
  ['G', 'running'],
  ['+', 'in'],
  ['=', 'in'],
  ['-', 'out']
]);

/** Null for a key that is not ours, which then goes on to the notebook. */
export function commandOf(event: KeyboardEvent): Command | null {
  return event.ctrlKey || event.metaKey || event.altKey ? null : (KEYS.get(event.key) ?? null);
}

/** The nearest task in a direction, straight ahead before aside; -1 at the edge of the graph. */
export function neighbour({ x, y }: Placement, from: number, towards: Way): number {
  const ahead = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] }[towards];
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i] - x[from], y[i] - y[from]];
    const forward = dx * ahead[0] + dy * ahead[1];
    const aside = Math.abs(dx * ahead[1]) + Math.abs(dy * ahead[0]);
    // Less than half a card ahead is beside, not ahead.
    if (i === from || forward < (ahead[0] === 0 ? CARD.height : CARD.width) / 2) {
      continue;
    }
    const cost = forward + 2.2 * aside;
    if (cost < least) {
      least = cost;
      best = i;
    }
  }
  return best;
}
