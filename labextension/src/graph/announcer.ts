/**
 * The polite voice of the graph: it says which tasks failed, and how a run ended, and nothing else.
 * Must not repeat what a reader was told.
 */
import type { Pipeline } from '../model';
import { element } from './element';
import { countOf } from './format';
import { hasFailed } from './status';
import type { Tally } from './tally';

/** Names told one by one before they become a number. */
const NAMED_MAX = 3;

export class Announcer {
  private readonly region: HTMLElement;
  private ran = false;

  constructor(parent: HTMLElement) {
    this.region = element('div', 'pj-voice', parent);
    this.region.setAttribute('role', 'status');
    this.region.setAttribute('aria-live', 'polite');
  }

  /** `failed` are the tasks that failed since the last call. */
  tell(pipeline: Pipeline, tally: Tally, failed: readonly number[]): void {
    const parts: string[] = [];
    if (failed.length > 0 && failed.length <= NAMED_MAX) {
      parts.push(...failed.map(i => sentence(pipeline, i)));
    } else if (failed.length > 0) {
      parts.push(`${countOf(failed.length, 'task')} failed.`);
    }
    const runs = tally.active.size > 0 || pipeline.run !== null;
    if (this.ran && !runs) {
      parts.push(`Run ended: ${tally.ended} of ${countOf(pipeline.nodes.length, 'task')} done.`);
    }
    this.ran = runs;
    if (parts.length > 0) {
      this.region.textContent = parts.join(' ');
    }
  }
}

/** Tasks whose state became a failure. */
export function newFailures(pipeline: Pipeline, tally: Tally, changed: Iterable<number>): number[] {
  const found: number[] = [];
  for (const i of changed) {
    const before = tally.state(i);
    if (before !== null && !hasFailed(before) && hasFailed(pipeline.rows[i].state)) {
      found.push(i);
    }
  }
  return found;
}

function sentence(pipeline: Pipeline, i: number): string {
  const { state, note } = pipeline.rows[i];
  return `${pipeline.nodes[i].name}: ${state}${note ? `, ${note}` : ''}.`;
}
