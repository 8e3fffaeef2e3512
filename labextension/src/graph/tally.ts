/**
 * The rows as the drawing needs them: codes in typed arrays, and counts kept up to date as rows change.
 * Must not read time or positions.
 */
import { STATES, StateName, TaskRow, VerdictName } from '../model';
import { DOUBTS, TONES, Tone, doubtOf, hasEnded, isActive, isBehind, toneOf } from './status';

export class Tally {
  readonly states: Map<StateName, number> = new Map(STATES.map(state => [state, 0]));
  readonly doubts: Map<VerdictName, number> = new Map(DOUBTS.map(verdict => [verdict, 0]));
  readonly tones: Map<Tone, number> = new Map(TONES.map(tone => [tone, 0]));
  /** Per node the place of its tone in `TONES`. */
  readonly toneCode: Uint8Array;
  /** Per node 1 when its result is in doubt. */
  readonly doubted: Uint8Array;
  readonly active = new Set<number>();
  ended = 0;
  behind = 0;

  private readonly rows: (TaskRow | null)[];

  constructor(n: number) {
    this.toneCode = new Uint8Array(n);
    this.doubted = new Uint8Array(n);
    this.rows = new Array<TaskRow | null>(n).fill(null);
  }

  /** Take a row in; what it says replaces what the node's last row said. */
  set(i: number, row: TaskRow): void {
    const old = this.rows[i];
    if (old) {
      this.weigh(old, -1);
    }
    this.weigh(row, 1);
    // A copy, so that a caller may change its rows in place.
    this.rows[i] = { ...row };
    this.toneCode[i] = TONES.indexOf(toneOf(row.state));
    this.doubted[i] = doubtOf(row) === null ? 0 : 1;
    if (isActive(row)) {
      this.active.add(i);
    } else {
      this.active.delete(i);
    }
  }

  state(i: number): StateName | null {
    return this.rows[i]?.state ?? null;
  }

  doubt(i: number): VerdictName | null {
    const row = this.rows[i];
    return row ? doubtOf(row) : null;
  }

  private weigh(row: TaskRow, by: 1 | -1): void {
    add(this.states, row.state, by);
    add(this.tones, toneOf(row.state), by);
    const doubt = doubtOf(row);
    if (doubt !== null) {
      add(this.doubts, doubt, by);
    }
    this.ended += hasEnded(row.state) ? by : 0;
    this.behind += isBehind(row) ? by : 0;
  }
}

function add<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
