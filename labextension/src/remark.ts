/**
 * What is said of a task beside its state: what happened, and why its result is not fresh.
 * Must stay pure.
 */
import { doubtOf, isActive, toneOf } from './graph/status';
import type { TaskRow } from './model';

/** Why a result is not to be relied upon, or has yet to come; empty where the state says it all. */
export function reasonOf(row: TaskRow): string {
  const waits = toneOf(row.state) === 'waiting' && !isActive(row);
  return doubtOf(row) !== null || (waits && row.note === '') ? row.reason : '';
}

/** The reason beside a tag that says the verdict: `by you 14:02` beside `accepted`. */
export function reasonBesideTag(row: TaskRow): string {
  const reason = reasonOf(row);
  return reason.startsWith(`${row.verdict} by `) ? reason.slice(row.verdict.length + 1) : reason;
}

/** One line beside the state: the doubt, for which there may be no room after anything else, or what happened. */
export function remarkOf(row: TaskRow): string {
  return reasonOf(row) || row.note;
}
