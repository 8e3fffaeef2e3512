/**
 * Tasks in words: durations, the second line of a card, accessible names, the chip of a cell.
 * Must stay pure: time arrives as an argument, and nothing here touches the DOM.
 */
import type { TaskNode, TaskRow } from '../model';
import { doubtOf, hasEnded, toneOf, wordsOf } from './status';

/** `540 ms`, `2.3 s`, `48 s`, `4m 05s`, `2h 05m`; empty for null. */
export function duration(ms: number | null): string {
  if (ms === null) {
    return '';
  }
  const spent = Math.max(0, ms);
  if (Math.round(spent) < 1_000) {
    return `${Math.round(spent)} ms`;
  }
  if (spent < 9_950) {
    return `${(spent / 1_000).toFixed(1)} s`;
  }
  const seconds = Math.round(spent / 1_000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}m ${twoDigits(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
}

/** How a reason begins in the answer to `why`, and how far its details are indented. */
const REASON = '  - ';
const DETAIL = 4;

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** Thousands apart: `12,480`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 task`, `3 tasks`. */
export function countOf(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Kernel time in milliseconds; null when no kernel tells it, and nobody knows how long a running task has run. */
export type Now = number | null;

/** Milliseconds a task took, or has taken by `now`; null when it has not begun or nobody knows. */
export function elapsed(row: TaskRow, now: Now): number | null {
  const isYetToRun = toneOf(row.state) === 'waiting' && row.running === 0;
  if (row.t0 === null || isYetToRun || row.state === 'TriggerFailed') {
    return null; // a time in the row is that of an earlier run
  }
  if (row.state === 'Retrying') {
    return null; // what it has is the time of the next attempt
  }
  if (row.t1 !== null) {
    return Math.max(0, row.t1 - row.t0);
  }
  return hasEnded(row.state) || now === null ? null : Math.max(0, now - row.t0);
}

/** The time of a task in words: how long it took or has taken, or `in 4.0 s` when it waits for its next attempt. */
export function timeText(row: TaskRow, now: Now): string {
  if (row.state === 'Retrying' && row.t1 !== null && now !== null && row.t1 > now) {
    return `in ${duration(row.t1 - now)}`;
  }
  return duration(elapsed(row, now));
}

/** `Success`, `Retrying · attempt 2`, `74/94 · 2 failed`: the state without its time. */
export function progress(node: TaskNode, row: TaskRow): string {
  const settled = row.done + row.failed;
  if (node.total > 0 && (settled > 0 || row.running > 0)) {
    return `${count(settled)}/${count(node.total)}${row.failed > 0 ? ` · ${count(row.failed)} failed` : ''}`;
  }
  if (row.state === 'Retrying') {
    return `Retrying · attempt ${row.attempt}`;
  }
  return node.total > 0 ? `${wordsOf(row.state)} · ${count(node.total)} mapped` : wordsOf(row.state);
}

/** The second line of a card: why there is no result when there is none, else the state and its time. */
export function cardLine(node: TaskNode, row: TaskRow, now: Now): string {
  if (row.state === 'TriggerFailed') {
    return row.note || wordsOf(row.state);
  }
  return joined([progress(node, row), timeText(row, now)]);
}

/** The same beside a tag that names a doubt, which leaves room for one of the two. */
export function shortLine(node: TaskNode, row: TaskRow, now: Now): string {
  const plain = row.state === 'Success' && row.failed === 0;
  return (plain && timeText(row, now)) || progress(node, row);
}

/** The line under the name in the details: the state and its time. */
export function summaryLine(row: TaskRow, now: Now): string {
  return joined([wordsOf(row.state), timeText(row, now)]);
}

/** The beginning of a cell's chip: `clean · Success · 1.2 s · stale`, or `clean · Cached`: how long that took is nobody's question. */
export function chipText(node: TaskNode, row: TaskRow, now: Now): string {
  const line = row.state === 'Cached' ? progress(node, row) : cardLine(node, row, now);
  const doubt = doubtOf(row);
  // `accepted by you 14:02` stands beside it, and says the word itself
  return joined([node.name, line, doubt === null || row.reason.startsWith(`${doubt} `) ? '' : doubt]);
}

/** `640 B`, `12 kB`, `3.4 GB`: decimal, as disks are sold. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let [value, unit] = [Math.max(0, bytes), 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value.toFixed(unit >= 2 && value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** `1.2 GB · 3 results · saves 48 s`. */
export function cachedText([bytes, results, seconds]: readonly [number, number, number]): string {
  return joined([size(bytes), countOf(results, 'result'), `saves ${duration(seconds * 1_000)}`]);
}

/** The end of a cell's chip: `in: flights · out: df`. */
export function namesText(node: TaskNode): string {
  return joined([named('in', node.reads), named('out', node.writes)]);
}

/** `fresh`, `stale: `limit` changed from 5 to 6`. */
export function verdictText(row: TaskRow): string {
  return row.reason ? `${row.verdict}: ${row.reason}` : row.verdict;
}

/** What a screen reader says of a task: `clean, Success, stale: …`, then the note. */
export function accessibleName(node: TaskNode, row: TaskRow): string {
  const children = node.total > 0 ? `${row.done + row.failed} of ${node.total} done, ${row.failed} failed` : '';
  return [node.name, row.state, standing(row), children, row.note].filter(Boolean).join(', ');
}

/** The verdict on what has ended, unless the note says the same; before that, what is missing. */
function standing({ state, verdict, reason, note }: TaskRow): string {
  if (!hasEnded(state)) {
    return state === 'Pending' ? reason : '';
  }
  const isTold = reason !== '' && note !== '' && (reason.includes(note) || note.includes(reason));
  return isTold ? '' : reason ? `${verdict}: ${reason}` : verdict;
}

/** The reasons of the kernel's answer to `why`, one a line, without its title. */
export function reasonsIn(why: string): string {
  const lines = why.split('\n').slice(1);
  const several = lines.filter(line => line.startsWith(REASON)).length > 1;
  return lines
    .map(line => (line.startsWith(REASON) ? `${several ? '• ' : ''}${line.slice(REASON.length)}` : line.slice(DETAIL)))
    .join('\n');
}

/** `about 48 s left`; empty when nobody knows. */
export function remaining(seconds: number | null): string {
  return seconds === null || seconds <= 0 ? '' : `about ${duration(seconds * 1_000)} left`;
}

function named(title: string, names: readonly string[]): string {
  return names.length ? `${title}: ${names.join(', ')}` : '';
}

function joined(parts: readonly string[]): string {
  return parts.filter(Boolean).join(' · ');
}
