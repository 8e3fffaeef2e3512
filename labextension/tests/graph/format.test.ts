import { describe, expect, test } from 'vitest';

import {
  accessibleName,
  cardLine,
  chipText,
  count,
  duration,
  elapsed,
  namesText,
  progress,
  reasonsIn,
  remaining
} from '../../src/graph/format';
import { doubtOf, isBehind, toneOf, verbsFor } from '../../src/graph/status';
import { STATES } from '../../src/model';
import { node, row } from './corpus';

test.each([
  [null, ''],
  [0, '0 ms'],
  [539.6, '540 ms'],
  [999.6, '1.0 s'],
  [2_340, '2.3 s'],
  [9_960, '10 s'],
  [59_700, '1m 00s'],
  [245_000, '4m 05s'],
  [7_500_000, '2h 05m'],
  [-5, '0 ms']
])('%s ms read as %j', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('thousands are set apart', () => {
  expect([0, 999, 1_000, 12_480, 1_234_567].map(count)).toEqual(['0', '999', '1,000', '12,480', '1,234,567']);
});

describe('time', () => {
  test('of a task that ended does not depend on now', () => {
    expect(elapsed(row('Success'), 9_999)).toBe(1_200);
  });

  test('of a running task grows with now, and is unknown without a kernel', () => {
    expect(elapsed(row('Running'), 3_500)).toBe(2_500);
    expect(elapsed(row('Running'), null)).toBeNull();
  });

  test('of a task that has not begun is nothing', () => {
    expect(elapsed(row('Pending'), 3_500)).toBeNull();
  });

  test('of a task that is tried again is what is left until then', () => {
    const waiting = { ...row('Retrying'), t1: 9_000, attempt: 1 };
    expect(cardLine(node('clean'), waiting, 5_000)).toBe('Retrying · attempt 1 · in 4.0 s');
    expect(cardLine(node('clean'), waiting, 9_500)).toBe('Retrying · attempt 1');
  });

  test('left in a run is told only when known', () => {
    expect([remaining(48), remaining(null), remaining(0)]).toEqual(['about 48 s left', '', '']);
  });
});

describe('a card says', () => {
  test('state and time', () => {
    expect(cardLine(node('clean'), row('Success'), 0)).toBe('Success · 1.2 s');
  });

  test('which task kept it from running', () => {
    expect(cardLine(node('fit'), row('TriggerFailed', { note: 'not run: `clean` failed' }), 0)).toBe(
      'not run: `clean` failed'
    );
  });

  test('how many children of a mapped task ended and failed', () => {
    const mapped = node('load', { total: 94 });
    expect(progress(mapped, row('Running', { done: 72, failed: 2, running: 4 }))).toBe('74/94 · 2 failed');
    expect(progress(mapped, row('Pending'))).toBe('Pending · 94 mapped');
  });

  test('which attempt is under way', () => {
    expect(progress(node('load'), row('Retrying', { attempt: 2 }))).toBe('Retrying · attempt 2');
  });
});

test('the chip of a cell names state, time, inputs and outputs', () => {
  const clean = node('clean', { reads: ['flights'], writes: ['df'] });
  expect(chipText(clean, row('Success'), 0)).toBe('clean · Success · 1.2 s');
  expect(chipText(clean, row('Success', { verdict: 'stale' }), 0)).toBe('clean · Success · 1.2 s · stale');
  expect(namesText(clean)).toBe('in: flights · out: df');
  expect(namesText(node('clean', { reads: [], writes: ['df'] }))).toBe('out: df');
});

test.each(['TriggerFailed', 'Pending', 'Scheduled', 'Queued'] as const)('%s has no time, whatever an earlier run took', state => {
  expect(elapsed(row(state, { t0: 1_000, t1: 2_000 }), 5_000)).toBeNull();
  expect(elapsed(row(state, { t0: 1_000, t1: null }), 5_000)).toBeNull();
});

test('the reasons of an answer are told without its title', () => {
  expect(reasonsIn('report is stale:\n  - needs `by_carrier`')).toBe('needs `by_carrier`');
  expect(reasonsIn('clean is stale:\n  - code changed\n      -x = 1\n      +x = 2\n  - `limit` changed')).toBe(
    '• code changed\n  -x = 1\n  +x = 2\n• `limit` changed'
  );
});

test('an accessible name begins with the task and holds state, verdict and reason', () => {
  const stale = row('Failed', { verdict: 'stale', reason: '`limit` changed', note: "KeyError: 'x'" });
  expect(accessibleName(node('clean'), stale)).toBe("clean, Failed, stale: `limit` changed, KeyError: 'x'");
  expect(accessibleName(node('clean'), row('Success'))).toBe('clean, Success, fresh');
  const failed = row('Failed', { verdict: 'stale', reason: "failed: KeyError: 'x'", note: "KeyError: 'x'" });
  expect(accessibleName(node('clean'), failed)).toBe("clean, Failed, KeyError: 'x'");
  expect(accessibleName(node('clean'), row('Running', { verdict: 'stale', reason: 'never ran' }))).toBe('clean, Running');
  expect(accessibleName(node('clean'), row('Pending', { verdict: 'stale', reason: 'never ran' }))).toBe('clean, Pending, never ran');
});

describe('what can be done', () => {
  test('a task that waits for a person can go on, one that waits for its next attempt need not wait', () => {
    expect(verbsFor(row('Paused')).has('resume')).toBe(true);
    expect(verbsFor(row('Retrying')).has('retry_now')).toBe(true);
    expect([...verbsFor(row('Success'))].filter(verb => verb === 'resume' || verb === 'retry_now')).toEqual([]);
  });

  test.each(STATES)('with a task that is %s always includes Rerun, Run from here and Show cell', state => {
    expect([...verbsFor(row(state))]).toEqual(expect.arrayContaining(['rerun', 'run_from', 'reveal']));
  });

  test('what a person skipped can be taken back, and what runs cannot be skipped', () => {
    expect(verbsFor(row('Skipped', { verdict: 'pinned', reason: 'skipped by you' })).has('unskip')).toBe(true);
    expect(verbsFor(row('Skipped')).has('skip')).toBe(false);
    expect(verbsFor(row('Running')).has('skip')).toBe(false);
    expect(verbsFor(row('Pending', { verdict: 'stale' })).has('skip')).toBe(true);
  });

  test('retry is for what failed or was blocked', () => {
    const retried = STATES.filter(state => verbsFor(row(state)).has('retry_failed'));
    expect(retried).toEqual(['Failed', 'TimedOut', 'TriggerFailed', 'ValidationFailed', 'Crashed']);
  });

  test('cancel is for what runs or is queued', () => {
    const cancelled = STATES.filter(state => verbsFor(row(state)).has('cancel'));
    expect(cancelled).toEqual(['Scheduled', 'Queued', 'Running', 'Retrying', 'Paused', 'Resume']);
  });
});

test('a verdict is doubted only beside a result', () => {
  expect(doubtOf(row('Success', { verdict: 'stale' }))).toBe('stale');
  expect(doubtOf(row('Running', { verdict: 'stale' }))).toBeNull();
  expect(doubtOf(row('TriggerFailed', { verdict: 'stale' }))).toBeNull();
});

test('running again is for what is stale: of what is accepted, pinned or unverified it would change nothing', () => {
  const verdicts = (['fresh', 'stale', 'unverified', 'unchecked', 'accepted', 'pinned'] as const).filter(verdict =>
    isBehind(row('Success', { verdict }))
  );
  expect(verdicts).toEqual(['stale']);
});

test('every state has a tone', () => {
  expect(STATES.map(toneOf)).not.toContain(undefined);
});
