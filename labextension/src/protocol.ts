/**
 * The messages between a kernel and a page.
 * Made by `python -m prefect_jupyter.view.protocol`: change prefect_jupyter/view/protocol.py instead.
 */

export const PROTOCOL = 1;
export const TARGET = 'prefect_jupyter';
export const HELLO_TARGET = 'prefect_jupyter.hello';
export const MIME = 'application/vnd.prefect-jupyter.graph+json';

export const STATES = [
  'Pending',
  'Scheduled',
  'Queued',
  'Running',
  'Success',
  'Cached',
  'Mapped',
  'Looped',
  'Skipped',
  'Retrying',
  'Paused',
  'Resume',
  'Failed',
  'TimedOut',
  'TriggerFailed',
  'ValidationFailed',
  'Cancelling',
  'Cancelled',
  'Crashed'
] as const;

export const VERDICTS = [
  'fresh',
  'stale',
  'unverified',
  'unchecked',
  'accepted',
  'pinned'
] as const;

export const VERBS = [
  'run',
  'rerun',
  'run_from',
  'retry_failed',
  'cancel',
  'accept',
  'pin',
  'unpin',
  'cache',
  'cache_delete',
  'cache_prune',
  'pause',
  'resume',
  'retry_now',
  'skip',
  'unskip',
  'history',
  'why',
  'plan',
  'snap',
  'document'
] as const;

/** A task in `graph`: what does not change while it runs. */
export type NodeRow = readonly [
  id: string,
  name: string,
  cell: string,
  label: string,
  total: number,
  reads: readonly string[],
  writes: readonly string[]
];

/** A connection in `graph`: positions of two tasks and the names that are handed over. */
export type EdgeRow = readonly [
  source: number,
  target: number,
  names: readonly string[]
];

/** A task in `state`: `state` and `verdict` are codes, `t0` and `t1` are ms since the epoch. */
export type StateRow = readonly [
  node: number,
  state: number,
  verdict: number,
  t0: number | null,
  t1: number | null,
  attempt: number,
  done: number,
  failed: number,
  running: number,
  note: string,
  reason: string
];

/** Progress of the present run; `expected_s` is the time still to go. */
export type RunRow = readonly [
  done: number,
  total: number,
  expected_s: number | null
];

export interface Welcome {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly version: string;
  readonly session: string;
  readonly title: string;
}

export interface GraphMessage {
  readonly type: 'graph';
  readonly session: string;
  readonly rev: number;
  readonly title: string;
  readonly nodes: readonly NodeRow[];
  readonly edges: readonly EdgeRow[];
}

export interface StateMessage {
  readonly type: 'state';
  readonly rev: number;
  readonly seq: number;
  readonly now: number;
  readonly rows: readonly StateRow[];
  readonly run: RunRow | null;
}

export interface Snap {
  readonly type: 'snap';
  readonly session: string;
  readonly rev: number;
  readonly title: string;
  readonly nodes: readonly NodeRow[];
  readonly edges: readonly EdgeRow[];
  readonly seq: number;
  readonly now: number;
  readonly rows: readonly StateRow[];
  readonly run: RunRow | null;
  readonly saved: boolean;
}

export interface ReplyMessage {
  readonly type: 'reply';
  readonly id: string;
  readonly ok: boolean;
  readonly text: string;
  readonly detail: unknown;
}

export interface NoticeMessage {
  readonly type: 'notice';
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
  readonly task: string | null;
  readonly cell: string | null;
  readonly verbs: readonly string[];
}

/** `output` is an nbformat output to append, or with "replace" all outputs that the cell shall have. */
export interface OutputMessage {
  readonly type: 'output';
  readonly cell: string;
  readonly op: 'clear' | 'append' | 'replace';
  readonly output: unknown;
}

/**
 * What the page says when it opens a comm: the kernel pushes on one and never sends on the other.
 *
 * `shared`: several pages edit one document, so that one of them writes outputs for all.
 */
export interface Opening {
  readonly role: 'push' | 'commands';
  readonly page: string;
  readonly protocol: number;
  readonly shared: boolean;
}

/** A command as the page writes it; `order` is null when it has not changed since the last message. */
export interface CommandMessage {
  readonly id: string;
  readonly protocol: number;
  readonly session: string;
  readonly verb: 'run' | 'rerun' | 'run_from' | 'retry_failed' | 'cancel' | 'accept' | 'pin' | 'unpin' | 'cache' | 'cache_delete' | 'cache_prune' | 'pause' | 'resume' | 'retry_now' | 'skip' | 'unskip' | 'history' | 'why' | 'plan' | 'snap' | 'document';
  readonly tasks: readonly string[];
  readonly order: readonly string[] | null;
  readonly sources: { readonly [key: string]: string };
}

export type Message =
  | Welcome
  | GraphMessage
  | StateMessage
  | Snap
  | ReplyMessage
  | NoticeMessage
  | OutputMessage;
