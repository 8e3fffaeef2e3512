/**
 * What a task has done before: its last attempts, each with its log and traceback to open, and a search over them.
 * Must not decide when to ask; it is told which task is shown and asks for that one's attempts.
 */
import type { AskAttempts, Attempt } from '../model';
import { element, setText } from './element';
import { count, duration } from './format';
import type { Lifetime } from './lifetime';

/** Lines shown of one attempt; the rest is in `%flow history`. */
const LINES_MAX = 300;

export class Attempts {
  private readonly root: HTMLElement;
  private readonly total: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly list: HTMLElement;
  private asked = '';
  private attempts: readonly Attempt[] = [];

  constructor(
    parent: HTMLElement,
    life: Lifetime,
    private readonly ask: AskAttempts
  ) {
    this.root = element('section', 'pj-section pj-attempts', parent);
    this.root.hidden = true;
    const title = element('h4', '', this.root);
    element('span', '', title, 'Attempts');
    this.total = element('span', '', title);
    this.search = element('input', 'pj-attempts-search', this.root);
    this.search.type = 'search';
    this.search.placeholder = 'Find in logs';
    this.search.setAttribute('aria-label', 'Find in the logs of this task');
    life.listen(this.search, 'input', () => this.render());
    // Letters are for the search alone, not for the graph's or the notebook's keys.
    life.listen(this.search, 'keydown', event => event.key === 'Escape' || event.stopPropagation());
    this.list = element('div', '', this.root);
  }

  /** Show the attempts of a task; `state` says in one text how it stands, so that news is asked for once. */
  show(task: string, state: string): void {
    const asked = `${task}\n${state}`;
    if (asked === this.asked) {
      return;
    }
    if (!this.asked.startsWith(`${task}\n`)) {
      this.forget();
    }
    this.asked = asked;
    void this.ask(task).then(attempts => {
      if (this.asked === asked) {
        this.attempts = attempts;
        this.render();
      }
    });
  }

  forget(): void {
    this.asked = '';
    this.attempts = [];
    this.list.textContent = '';
    this.search.value = '';
    this.root.hidden = true;
  }

  private render(): void {
    const wanted = this.search.value.trim().toLowerCase();
    this.root.hidden = this.attempts.length === 0;
    this.search.hidden = !this.attempts.some(attempt => attempt.lines.length > 0);
    setText(this.total, count(this.attempts.length));
    // What a person has opened stays open when there is news.
    const opened = new Set([...this.list.querySelectorAll('details')].filter(each => each.open).map(each => each.dataset.started));
    this.list.textContent = '';
    for (const attempt of this.attempts) {
      const lines = wanted ? attempt.lines.filter(line => line.toLowerCase().includes(wanted)) : attempt.lines;
      if (wanted && lines.length === 0) {
        continue;
      }
      this.one(attempt, lines, wanted !== '' || opened.has(String(attempt.started)));
    }
    if (wanted && this.list.childElementCount === 0) {
      element('p', 'pj-more', this.list, 'No line has this.');
    }
  }

  private one(attempt: Attempt, lines: readonly string[], open: boolean): void {
    const root = element('details', '', this.list);
    root.open = open;
    root.dataset.started = String(attempt.started);
    const when = new Date(attempt.started).toLocaleString(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
    const number = attempt.number > 1 ? `attempt ${attempt.number}` : '';
    const took = attempt.duration === null ? '' : duration(attempt.duration);
    element('summary', '', root, [when, attempt.state, number, took].filter(Boolean).join(' · '));
    if (attempt.note) {
      element('p', '', root, attempt.note);
    }
    element('pre', '', root, lines.slice(-LINES_MAX).join('\n') || 'Nothing was printed or logged.');
  }
}
