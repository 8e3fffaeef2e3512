import { describe, expect, test } from 'vitest';
import rails from '../../tests/histories/rails.json';
import { Pipeline, STATES, VERDICTS } from '../src/model';
import { lanesOf } from '../src/panel/lanes';
import * as protocol from '../src/protocol';
import type { Message, Snap, StateMessage } from '../src/protocol';
import { EMPTY, Stream, reduce } from '../src/reducer';

declare global {
  interface ImportMeta {
    /** Vite's: the modules that match, by path. */
    glob<T>(pattern: string, options: { eager: true; import: 'default' }): Record<string, T>;
  }
}

interface History {
  readonly messages: readonly Message[];
  readonly final: Pipeline;
}

const histories = Object.entries(
  import.meta.glob<History>('../../tests/histories/*-*.json', { eager: true, import: 'default' })
);
const START: Stream = { pipeline: EMPTY, seq: null, changed: null };

function fold(messages: readonly Message[], from: Stream = START): Stream | null {
  return messages.reduce<Stream | null>((stream, message) => stream && reduce(stream, message, 1_000), from);
}

const SNAP: Snap = {
  type: 'snap', session: 's', rev: 3, title: 't', seq: 7, now: 5_000, run: null, saved: false,
  nodes: [['a', 'a', 'cell-a', '', 0, [], ['x']], ['b', 'b', 'cell-b', '', 0, ['x'], []]],
  edges: [[0, 1, ['x']]],
  rows: [[0, 4, 0, 1, 2, 1, 0, 0, 0, '', ''], [1, 0, 1, null, null, 0, 0, 0, 0, '', 'never ran']]
};
const state = (changes: Partial<StateMessage>): StateMessage =>
  ({ type: 'state', rev: 3, seq: 8, now: 6_000, run: null, rows: [[1, 3, 1, 9, null, 1, 0, 0, 0, '', '']], ...changes });

describe('golden histories', () => {
  test.each(histories)('%s ends as the kernel says', (_, { messages, final }) => {
    const pipeline = fold(messages)?.pipeline;

    expect(pipeline).toMatchObject(final);
    expect(pipeline?.rows).toHaveLength(final.nodes.length);
  });

  test('there are some', () => expect(histories.length).toBeGreaterThan(3));
});

describe('what a message does', () => {
  const snapped = reduce(START, SNAP, 1_000) as Stream;

  test('a snap says everything and connects', () => {
    expect(snapped.pipeline).toMatchObject({ session: 's', rev: 3, title: 't', connected: true, clock: 4_000 });
    expect(snapped.pipeline.rows.map(row => row.state)).toEqual(['Success', 'Pending']);
  });

  test('a saved snap is shown but not connected', () => {
    expect(reduce(START, { ...SNAP, saved: true }, 1_000)?.pipeline).toMatchObject({ connected: false, clock: 0 });
  });

  test('a state message changes its rows, says which, and leaves the rest as it was', () => {
    const next = reduce(snapped, state({}), 1_000) as Stream;

    expect(next.changed).toEqual([1]);
    expect(next.pipeline.rows[1].state).toBe('Running');
    expect(next.pipeline.rows[0]).toBe(snapped.pipeline.rows[0]);
    expect(next.pipeline.nodes).toBe(snapped.pipeline.nodes);
    expect(snapped.pipeline.rows[1].state).toBe('Pending');
  });

  test.each([
    ['a number is missing', { seq: 9 }],
    ['it is of another graph', { rev: 4 }],
    ['it names a task that is not there', { rows: [[2, 3, 1, 9, null, 1, 0, 0, 0, '', '']] }]
  ] as [string, Partial<StateMessage>][])('when %s, everything is asked for again', (_, changes) => {
    expect(reduce(snapped, state(changes), 1_000)).toBeNull();
  });

  test('a graph keeps the rows of the tasks that stay', () => {
    const { nodes, edges, session, title } = SNAP;
    const graph = { type: 'graph', rev: 4, session, title, nodes: [nodes[1], ['c', 'c', '', '', 0, [], []], nodes[0]], edges } as Message;

    const next = reduce(snapped, graph, 1_000) as Stream;

    expect(next.pipeline.rows.map(row => row.state)).toEqual(['Pending', 'Pending', 'Success']);
    expect(next.changed).toBeNull();
  });

  test('other messages are none of its business', () => {
    expect(reduce(snapped, { type: 'reply', id: '', ok: true, text: '', detail: null }, 1)).toBe(snapped);
  });
});

test('the words of the wire are the words of the model', () => {
  expect(protocol.STATES).toEqual(STATES);
  expect(protocol.VERDICTS).toEqual(VERDICTS);
});

test.each(rails)(
  'the list draws the lanes of the saved picture: $name',
  ({ count, edges, lanes }) => {
    expect(lanesOf(count, edges.map(([source, target]) => [source, target, []]))).toEqual(lanes);
  }
);
