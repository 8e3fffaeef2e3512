/**
 * What is said of a task beside its state: what happened, and why its result is not fresh.
 * Must stay pure.
 */
import { doubtOf, isActive, toneOf } from './graph/status';
import type { TaskRow } from './model';

/** Empty where the state says it all; a note that the state line already tells is left out by the caller. */
export function reasonOf(row: TaskRow): string {
  const waits = toneOf(row.state) === 'waiting' && !isActive(row);
  return doubtOf(row) !== null || waits ? row.reason : '';
}
