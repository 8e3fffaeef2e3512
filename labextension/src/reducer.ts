/** What the messages of a kernel add up to; it must stay pure: no clock, no DOM, no Jupyter. */
import type { Edge, Pipeline, TaskNode, TaskRow } from './model';
import { isActive, toneOf } from './graph/status';
import { EdgeRow, GraphMessage, Message, NodeRow, STATES, Snap, StateMessage, StateRow, VERDICTS } from './protocol';

export interface Stream {
  readonly pipeline: Pipeline;
  /** The number of the last state message; null before the first. */
  readonly seq: number | null;
  /** The rows that the last message changed; null when the tasks themselves may differ. */
  readonly changed: readonly number[] | null;
}

const NEW: TaskRow = {
  state: 'Pending', verdict: 'stale', t0: null, t1: null, attempt: 0, done: 0, failed: 0, running: 0, note: '', reason: ''
};

export const EMPTY: Pipeline = {
  session: '', title: '', rev: 0, nodes: [], edges: [], rows: [], run: null, clock: 0, connected: false
};

/** The stream after `message` arrived at `now` (ms); null when something in between was lost: ask for a snap. */
export function reduce(stream: Stream, message: Message, now: number): Stream | null {
  switch (message.type) {
    case 'snap':
      return state(message, withRows(withGraph(EMPTY, message), message, now, !message.saved), null);
    case 'graph':
      return { ...stream, pipeline: withGraph(stream.pipeline, message), changed: null };
    case 'state': {
      const gap = stream.seq !== null && message.seq !== stream.seq + 1;
      const known = message.rows.every(([index]) => index < stream.pipeline.nodes.length);
      const lost = gap || !known || message.rev !== stream.pipeline.rev;
      const changed = message.rows.map(([index]) => index);
      return lost ? null : state(message, withRows(stream.pipeline, message, now, true), changed);
    }
    case 'welcome': case 'reply': case 'notice': case 'output':
      return stream;
  }
}

/** The pipeline that a file holds; throws where it is none. */
export function pipelineSaved(data: unknown): Pipeline {
  const next = reduce({ pipeline: EMPTY, seq: null, changed: null }, data as Snap, 0);
  return { ...(next?.pipeline ?? EMPTY), connected: false, run: null };
}

/** The pipeline of a kernel that is no more: what ran has no end, what waited does not wait any longer. */
export function abandoned(pipeline: Pipeline, hasDied: boolean): Pipeline {
  const note = hasDied ? 'the kernel died while it ran' : 'the kernel was stopped while it ran';
  const rows = pipeline.rows.map((row): TaskRow => {
    if (isActive(row)) {
      return { ...row, state: hasDied ? 'Crashed' : 'Cancelled', verdict: 'stale', running: 0, note, reason: '' };
    }
    return toneOf(row.state) === 'waiting' ? { ...row, state: 'Pending', note: '' } : row;
  });
  return { ...pipeline, rows, run: null, connected: false };
}

const state = ({ seq }: StateMessage | Snap, pipeline: Pipeline, changed: Stream['changed']): Stream =>
  ({ seq, pipeline, changed });

function withGraph(before: Pipeline, { session, rev, title, nodes, edges }: GraphMessage | Snap): Pipeline {
  const known = new Map(before.nodes.map((node, index) => [node.id, before.rows[index]]));
  const rows = nodes.map(([id]) => known.get(id) ?? NEW);
  return { ...before, session, rev, title, nodes: nodes.map(toNode), edges: edges.map(toEdge), rows };
}

function withRows(before: Pipeline, message: StateMessage | Snap, now: number, connected: boolean): Pipeline {
  const rows = [...before.rows];
  for (const row of message.rows) {
    rows[row[0]] = toRow(row);
  }
  return { ...before, rows, run: message.run, connected, clock: connected ? message.now - now : 0 };
}

const toNode = ([id, name, cell, label, total, reads, writes]: NodeRow): TaskNode =>
  ({ id, name, cell, label, total, reads, writes });

const toEdge = ([source, target, names]: EdgeRow): Edge => [source, target, names];

const toRow = ([, state, verdict, t0, t1, attempt, done, failed, running, note, reason]: StateRow): TaskRow =>
  ({ state: STATES[state], verdict: VERDICTS[verdict], t0, t1, attempt, done, failed, running, note, reason });
