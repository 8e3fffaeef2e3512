/**
 * The picture of a pipeline that the page draws: plain data, the codes of the wire, nothing else.
 * Must not know Jupyter, the DOM or how the data arrived.
 */

import { STATES, VERDICTS } from './protocol';

export { STATES, VERDICTS };

/** A state's place in `STATES` is its code on the wire. */
export type StateName = (typeof STATES)[number];

/** Whether a stored result still stands for its task; its place in `VERDICTS` is its code on the wire. */
export type VerdictName = (typeof VERDICTS)[number];

/** What a task is: it changes only when the notebook does. */
export interface TaskNode {
  readonly id: string;
  readonly name: string;
  /** The notebook cell that holds the task. */
  readonly cell: string;
  /** The cell's number as the notebook shows it, `[4]`, or empty. */
  readonly label: string;
  /** How many children a mapped task has; 0 when it is not mapped. */
  readonly total: number;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

/** How a task stands at the moment. */
export interface TaskRow {
  readonly state: StateName;
  readonly verdict: VerdictName;
  /** Start and end in kernel milliseconds since the epoch. */
  readonly t0: number | null;
  readonly t1: number | null;
  readonly attempt: number;
  /** Mapped children that ended well, that failed, that run. */
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  /** One line on what happened. */
  readonly note: string;
  /** One line on why the result is not fresh; empty when it is. */
  readonly reason: string;
}

/** A dependency: source index, target index, the names that flow along it. */
export type Edge = readonly [number, number, readonly string[]];

export interface Pipeline {
  readonly session: string;
  readonly title: string;
  readonly rev: number;
  readonly nodes: readonly TaskNode[];
  readonly edges: readonly Edge[];
  /** One row per node, by the same index. */
  readonly rows: readonly TaskRow[];
  /** Tasks done, tasks in the run, expected seconds left; null when nothing runs. */
  readonly run: readonly [number, number, number | null] | null;
  /** Kernel clock minus page clock, in milliseconds. */
  readonly clock: number;
  /** False for a saved graph or without a kernel: it can be read, not acted on. */
  readonly connected: boolean;
}

export type Verb =
  | 'run'
  | 'rerun'
  | 'run_from'
  | 'retry_failed'
  | 'cancel'
  | 'resume'
  | 'skip'
  | 'unskip'
  | 'retry_now'
  | 'accept'
  | 'pin'
  | 'unpin'
  | 'cache_delete'
  | 'cache_prune'
  | 'reveal';

/** What a person asked for; `tasks` holds task ids, and no task means all of them. */
export interface Action {
  readonly verb: Verb;
  readonly tasks: readonly string[];
}

/** Ask for all reasons for the verdict on a task; the answer is empty when there is none. */
export type Ask = (task: string) => Promise<string>;

/** There is nobody to ask. */
export const nobody: Ask = () => Promise.resolve('');

/** What is cached: bytes in all, bytes that may be kept, and of each task by its id. */
export interface CacheSizes {
  readonly total: number;
  readonly quota: number | null;
  /** Bytes, number of results, and seconds that one use of the newest saves. */
  readonly tasks: Readonly<Record<string, readonly [number, number, number]>>;
}

/** Ask what is cached; null when there is no answer. */
export type AskCache = () => Promise<CacheSizes | null>;

/** There is nobody to ask. */
export const unknown: AskCache = () => Promise.resolve(null);

/** One start of a task, with what it printed and logged, and its traceback at the end. Times in milliseconds. */
export interface Attempt {
  readonly number: number;
  readonly state: string;
  readonly started: number;
  readonly duration: number | null;
  readonly note: string;
  readonly lines: readonly string[];
}

/** Ask for the last attempts of a task, newest first; empty when there is no answer. */
export type AskAttempts = (task: string) => Promise<readonly Attempt[]>;

/** There is nobody to ask. */
export const unrecorded: AskAttempts = () => Promise.resolve([]);
