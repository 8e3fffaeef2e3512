/**
 * What a state or verdict means to a reader: its family, its words, and what may be done about it.
 * Must not format numbers or touch the DOM.
 */
import { STATES, StateName, TaskRow, Verb, VerdictName } from '../model';

/** States that look alike: one colour each, and one segment of the progress bar. */
export const TONES = ['success', 'cached', 'running', 'retrying', 'failed', 'blocked', 'skipped', 'waiting'] as const;

export type Tone = (typeof TONES)[number];

interface StateFacts {
  readonly tone: Tone;
  readonly words: string;
  /** The task will not move again by itself. */
  readonly ended: boolean;
}

const FACTS: Readonly<Record<StateName, StateFacts>> = {
  Pending: { tone: 'waiting', words: 'Pending', ended: false },
  Scheduled: { tone: 'waiting', words: 'Scheduled', ended: false },
  Queued: { tone: 'waiting', words: 'Queued', ended: false },
  Running: { tone: 'running', words: 'Running', ended: false },
  Success: { tone: 'success', words: 'Success', ended: true },
  Cached: { tone: 'cached', words: 'Cached', ended: true },
  Mapped: { tone: 'success', words: 'Mapped', ended: true },
  Looped: { tone: 'success', words: 'Looped', ended: true },
  Skipped: { tone: 'skipped', words: 'Skipped', ended: true },
  Retrying: { tone: 'retrying', words: 'Retrying', ended: false },
  Paused: { tone: 'waiting', words: 'Paused', ended: false },
  Resume: { tone: 'waiting', words: 'Resuming', ended: false },
  Failed: { tone: 'failed', words: 'Failed', ended: true },
  TimedOut: { tone: 'failed', words: 'Timed out', ended: true },
  TriggerFailed: { tone: 'blocked', words: 'Not run', ended: true },
  ValidationFailed: { tone: 'failed', words: 'Invalid', ended: true },
  Cancelling: { tone: 'retrying', words: 'Cancelling', ended: false },
  Cancelled: { tone: 'skipped', words: 'Cancelled', ended: true },
  Crashed: { tone: 'failed', words: 'Crashed', ended: true }
};

/** Verdicts a reader should notice, in the order their chips stand. */
export const DOUBTS: readonly VerdictName[] = ['stale', 'unverified', 'unchecked', 'accepted', 'pinned'];

export function toneOf(state: StateName): Tone {
  return FACTS[state].tone;
}

export function wordsOf(state: StateName): string {
  return FACTS[state].words;
}

export function hasEnded(state: StateName): boolean {
  return FACTS[state].ended;
}

export function hasFailed(state: StateName): boolean {
  return FACTS[state].tone === 'failed';
}

/** Something of the task computes at this moment, so its duration grows. */
export function isActive(row: TaskRow): boolean {
  return row.state === 'Running' || row.state === 'Retrying' || row.state === 'Cancelling' || row.running > 0;
}

/** The verdict to show beside the state, or null: a task that has yet to end, or ended badly, has no result to doubt. */
export function doubtOf(row: TaskRow): VerdictName | null {
  const { state } = row;
  const hasResult = hasEnded(state) && state !== 'TriggerFailed' && state !== 'Cancelled' && !hasFailed(state);
  return row.verdict !== 'fresh' && hasResult ? row.verdict : null;
}

/** `Run stale` would have this task run: what is unverified is put right by running the cell that it names. */
export function isBehind(row: TaskRow): boolean {
  return row.verdict === 'stale' && (row.state === 'Pending' || hasEnded(row.state));
}

/** A person said so: it can be taken back. */
export function isDecided(row: TaskRow): boolean {
  if (row.state === 'Skipped') {
    return false; // what a person skips is taken back by another word
  }
  // In a new kernel what is pinned has yet to be fetched, and its reason tells.
  return row.verdict === 'accepted' || row.verdict === 'pinned' || / · (accepted|pinned) by you /.test(row.reason);
}

/** What a person can do with a task in this state; the rest of the buttons are not shown. */
export function verbsFor(row: TaskRow): ReadonlySet<Verb> {
  const verbs = new Set<Verb>(['rerun', 'run_from', 'reveal']);
  const tone = toneOf(row.state);
  if (tone === 'failed' || tone === 'blocked' || (hasEnded(row.state) && row.failed > 0)) {
    verbs.add('retry_failed');
  }
  if (row.state === 'Paused') {
    verbs.add('resume');
  }
  if (row.state === 'Retrying') {
    verbs.add('retry_now');
  }
  if (row.reason === 'skipped by you') {
    verbs.add('unskip');
  } else if (!isActive(row) && tone !== 'skipped') {
    verbs.add('skip');
  }
  if (isBehind(row)) {
    verbs.add('run');
  }
  if (doubtOf(row) === 'stale' && !row.reason.startsWith('needs ')) {
    verbs.add('accept'); // what is stale because of a task above cannot be accepted before that one
  }
  if (isDecided(row)) {
    verbs.add('unpin');
  }
  if (hasEnded(row.state) && tone !== 'blocked' && tone !== 'skipped' && row.verdict !== 'pinned') {
    verbs.add('pin');
  }
  const queued = tone === 'waiting' && row.state !== 'Pending';
  if (queued || (isActive(row) && row.state !== 'Cancelling')) {
    verbs.add('cancel');
  }
  return verbs;
}

export function stateCode(state: StateName): number {
  return STATES.indexOf(state);
}
