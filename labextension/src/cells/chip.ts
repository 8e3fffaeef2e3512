/**
 * The line above a task cell: what the task is, how it stands, and the buttons that act on it.
 * Must not know notebooks; it is given a task and says what was clicked.
 */
import { Widget } from '@lumino/widgets';
import { button, element, icon, setAttribute, setText } from '../graph/element';
import { accessibleName, chipText } from '../graph/format';
import { IconName, defineIcons, stateIcon } from '../graph/icons';
import { doubtOf, toneOf, verbsFor } from '../graph/status';
import type { TaskNode, TaskRow, Verb } from '../model';
import { reasonOf } from '../remark';

const BUTTONS: ReadonlyArray<{ verb: Verb; icon: IconName; words: string; title: string }> = [
  { verb: 'retry_failed', icon: 'again', words: 'Retry failed', title: 'Run what failed and what that blocked' },
  { verb: 'rerun', icon: 'again', words: 'Rerun', title: 'Run this task again, whatever its verdict' },
  { verb: 'run_from', icon: 'onward', words: 'Run from here', title: 'Run this task and what depends on it' },
  { verb: 'cancel', icon: 'stop', words: 'Cancel', title: 'Cancel this task' }
];

export class Chip extends Widget {
  private readonly badge: HTMLElement;
  private readonly words: HTMLElement;
  private readonly reason: HTMLElement;
  private readonly buttons = new Map<Verb, HTMLButtonElement>();

  constructor(act: (verb: Verb) => void) {
    super();
    this.addClass('pj-cell-chip');
    // Enter and Space press a button here; the notebook's command mode must not hear them.
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    this.node.setAttribute('role', 'group');
    defineIcons(this.node);
    this.badge = icon('clock', this.node);
    this.words = element('span', 'pj-cell-words', this.node);
    this.reason = element('span', 'pj-cell-reason', this.node);
    const buttons = element('span', 'pj-cell-buttons', this.node);
    for (const { verb, icon: picture, words, title } of BUTTONS) {
      const made = button(picture, words, buttons, 'pj-cell-button');
      made.title = title;
      made.addEventListener('click', () => act(verb));
      this.buttons.set(verb, made);
    }
  }

  describe(node: TaskNode, row: TaskRow, now: number, connected: boolean): void {
    setAttribute(this.node, 'data-tone', toneOf(row.state));
    this.toggleClass('pj-doubted', doubtOf(row) !== null);
    this.toggleClass('pj-dead', !connected);
    setAttribute(this.node, 'aria-label', accessibleName(node, row));
    this.badge.style.setProperty('--pj-icon', `var(--pj-icon-${stateIcon(row.state)})`);
    this.tick(node, row, now);
    const told = row.state === 'TriggerFailed' ? '' : row.note;
    setText(this.reason, [told, reasonOf(row)].filter(Boolean).join(' · '));
    setAttribute(this.node, 'title', [row.note, row.reason].filter(Boolean).join('\n'));
    const offered = verbsFor(row);
    for (const [verb, target] of this.buttons) {
      target.hidden = !offered.has(verb) || (verb === 'rerun' && offered.has('retry_failed'));
      target.disabled = !connected;
    }
  }

  /** The words alone, with the time that has passed. */
  tick(node: TaskNode, row: TaskRow, now: number): void {
    setText(this.words, chipText(node, row, now));
  }
}
