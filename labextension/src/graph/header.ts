/**
 * The line above the graph: title, progress, chips that count and filter, the buttons of the whole run, find.
 * Must not know tasks one by one.
 */
import { Action, Pipeline, STATES, StateName, VerdictName } from '../model';
import { button, element, icon, setAttribute, setText } from './element';
import { count, remaining } from './format';
import { stateIcon } from './icons';
import type { Lifetime } from './lifetime';
import { DOUBTS, TONES, toneOf, wordsOf } from './status';
import type { Tally } from './tally';

/** What a chip narrows the graph to. */
export type Filter = StateName | VerdictName;

export interface HeaderEvents {
  act(action: Action): void;
  filter(by: Filter | null): void;
  /** The text of the find field changed. */
  find(text: string): void;
  /** Enter in the find field: on to the next match. */
  next(): void;
  /** Escape in the find field: back to the graph. */
  leave(): void;
}

/** Said by every button that needs a kernel when there is none. */
export const DEAD = 'Run the notebook to bring this graph to life';

interface Chip {
  readonly by: Filter;
  readonly root: HTMLButtonElement;
  readonly value: HTMLElement;
}

export class Header {
  private readonly title: HTMLElement;
  private readonly done: HTMLElement;
  private readonly bar: HTMLElement;
  private readonly parts: readonly HTMLElement[];
  private readonly chips: readonly Chip[];
  private readonly runStale: HTMLButtonElement;
  private readonly behind: HTMLElement;
  private readonly cancel: HTMLButtonElement;
  private readonly field: HTMLInputElement;
  private filter: Filter | null = null;

  constructor(
    parent: HTMLElement,
    private readonly life: Lifetime,
    private readonly events: HeaderEvents
  ) {
    const root = element('div', 'pj-head', parent);
    const words = element('div', 'pj-title', root);
    this.title = element('span', 'pj-title-name', words);
    this.done = element('span', 'pj-title-done', words);
    this.bar = element('div', 'pj-progress', root);
    this.bar.setAttribute('role', 'progressbar');
    this.bar.setAttribute('aria-label', 'Tasks done');
    this.bar.setAttribute('aria-valuemin', '0');
    this.parts = TONES.map(tone => element('i', `pj-fill-${tone}`, this.bar));
    const chips = element('div', 'pj-chips', root);
    chips.setAttribute('role', 'group');
    chips.setAttribute('aria-label', 'Filter tasks');
    this.chips = [...STATES, ...DOUBTS].map(by => this.chip(by, chips));
    const buttons = element('div', 'pj-run-buttons', root);
    this.runStale = button('play', 'Run stale', buttons);
    this.runStale.setAttribute('aria-label', 'Run stale');
    this.behind = element('span', 'pj-count', this.runStale);
    this.behind.setAttribute('aria-hidden', 'true');
    this.cancel = button('stop', 'Cancel', buttons);
    life.listen(this.runStale, 'click', () => events.act({ verb: 'run', tasks: [] }));
    life.listen(this.cancel, 'click', () => events.act({ verb: 'cancel', tasks: [] }));
    this.field = this.findField(root);
  }

  focusFind(): void {
    this.field.focus();
    this.field.select();
  }

  clearFilter(): void {
    this.press(null);
  }

  update(pipeline: Pipeline, tally: Tally): void {
    const total = pipeline.nodes.length;
    setText(this.title, pipeline.title || 'Pipeline');
    const left = pipeline.run ? remaining(pipeline.run[2]) : '';
    setText(this.done, `${count(tally.ended)} / ${count(total)}${left ? ` · ${left}` : ''}`);
    setAttribute(this.bar, 'aria-valuemax', String(total));
    setAttribute(this.bar, 'aria-valuenow', String(tally.ended));
    TONES.forEach((tone, k) => {
      const share = tone === 'waiting' || total === 0 ? 0 : (tally.tones.get(tone) ?? 0) / total;
      this.parts[k].style.width = `${(100 * share).toFixed(2)}%`;
      this.parts[k].hidden = share === 0;
    });
    for (const chip of this.chips) {
      this.updateChip(chip, tally);
    }
    setText(this.behind, tally.behind > 0 ? count(tally.behind) : '');
    setEnabled(this.runStale, pipeline.connected, tally.behind > 0, 'Run every task that is not up to date');
    const running = pipeline.run !== null || tally.active.size > 0;
    this.cancel.hidden = !running;
    setEnabled(this.cancel, pipeline.connected, running, 'Cancel the run');
  }

  private updateChip({ by, root, value }: Chip, tally: Tally): void {
    const amount = (isState(by) ? tally.states.get(by) : tally.doubts.get(by)) ?? 0;
    setText(value, count(amount));
    setAttribute(root, 'aria-label', `${isState(by) ? wordsOf(by) : by}: ${count(amount)}`);
    root.hidden = amount === 0 && this.filter !== by;
  }

  private chip(by: Filter, parent: HTMLElement): Chip {
    const root = element('button', 'pj-chip', parent);
    root.type = 'button';
    root.hidden = true;
    root.setAttribute('aria-pressed', 'false');
    if (isState(by)) {
      root.setAttribute('data-tone', toneOf(by));
      icon(stateIcon(by), root);
    } else {
      root.setAttribute('data-doubt', by);
      icon(by === 'stale' ? 'stale' : by === 'pinned' ? 'pin' : by === 'accepted' ? 'check' : 'question', root);
    }
    const words = isState(by) ? wordsOf(by) : capital(by);
    root.title = `Show only ${words.toLowerCase()} tasks`;
    element('span', 'pj-chip-words', root, words);
    const value = element('b', '', root);
    this.life.listen(root, 'click', () => this.press(this.filter === by ? null : by));
    return { by, root, value };
  }

  private press(by: Filter | null): void {
    this.filter = by;
    for (const chip of this.chips) {
      setAttribute(chip.root, 'aria-pressed', String(chip.by === by));
    }
    this.events.filter(by);
  }

  private findField(parent: HTMLElement): HTMLInputElement {
    const field = element('input', 'pj-find', parent);
    field.type = 'text';
    field.placeholder = 'Find task  /';
    field.spellcheck = false;
    field.autocomplete = 'off';
    field.setAttribute('aria-label', 'Find task');
    this.life.listen(field, 'input', () => this.events.find(field.value));
    this.life.listen(field, 'keydown', event => {
      // Letters typed here must not reach the notebook's command mode.
      event.stopPropagation();
      if (event.key === 'Enter') {
        this.events.next();
      } else if (event.key === 'Escape') {
        field.value = '';
        this.events.find('');
        this.events.leave();
      }
    });
    return field;
  }
}

/** Without a kernel a button is dead and says how to revive it. */
export function setEnabled(target: HTMLButtonElement, connected: boolean, useful: boolean, title: string): void {
  target.disabled = !connected || !useful;
  setAttribute(target, 'title', connected ? title : DEAD);
}

function isState(by: Filter): by is StateName {
  return (STATES as readonly string[]).includes(by);
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
