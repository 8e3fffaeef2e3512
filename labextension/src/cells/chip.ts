/**
 * The line above a task cell: what the task is, how it stands, and the buttons that act on it.
 * Must not know notebooks; it is given a task and says what was clicked.
 */
import { Widget } from '@lumino/widgets';
import { button, element, icon, setAttribute, setText } from '../graph/element';
import { accessibleName, chipText, namesText } from '../graph/format';
import { setEnabled } from '../graph/header';
import { defineIcons, stateIcon } from '../graph/icons';
import { doubtOf, toneOf, verbsFor } from '../graph/status';
import { verbButtons } from '../graph/verbs';
import type { TaskNode, TaskRow, Verb } from '../model';
import { remarkOf } from '../remark';

const BUTTONS = verbButtons('retry_failed', 'resume', 'retry_now', 'rerun', 'run_from', 'cancel');

const TITLES: Readonly<Partial<Record<Verb, string>>> = Object.fromEntries(BUTTONS.map(({ verb, title }) => [verb, title]));

export class Chip extends Widget {
  private readonly badge: HTMLElement;
  private readonly words: HTMLElement;
  private readonly reason: HTMLElement;
  private readonly names: HTMLElement;
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
    this.names = element('span', '', element('span', 'pj-cell-names', this.node));
    const buttons = element('span', 'pj-cell-buttons', this.node);
    for (const { verb, icon: picture, words } of BUTTONS) {
      const made = button(picture, words, buttons, 'pj-cell-button');
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
    const remark = row.state === 'TriggerFailed' ? '' : remarkOf(row);
    const names = namesText(node);
    // The gaps are part of the text: what has no room is left out with its dot.
    setText(this.reason, remark && ` · ${remark}`);
    setText(this.names, names && ` · ${names}`);
    setAttribute(this.node, 'title', [row.note, row.reason, names].filter(Boolean).join('\n'));
    const offered = verbsFor(row);
    for (const [verb, target] of this.buttons) {
      target.hidden = !offered.has(verb) || (verb === 'rerun' && offered.has('retry_failed'));
      setEnabled(target, connected, true, TITLES[verb] ?? '');
    }
  }

  /** The words alone, with the time that has passed. */
  tick(node: TaskNode, row: TaskRow, now: number): void {
    setText(this.words, chipText(node, row, now));
  }
}
