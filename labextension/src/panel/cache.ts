/**
 * The line below the pipeline that tells how much is cached, with the button that makes room.
 * Must not ask by itself more often than something ends: the answer is read from a disk.
 */
import { button, element, setAttribute, setText } from '../graph/element';
import { size } from '../graph/format';
import { setEnabled } from '../graph/header';
import type { AskCache, CacheSizes, Pipeline } from '../model';

const PRUNE = 'Remove what is beyond the quota or was not used for long';

export class CacheLine {
  private readonly root: HTMLElement;
  private readonly words: HTMLElement;
  private readonly bar: HTMLElement;
  private readonly fill: HTMLElement;
  private readonly prune: HTMLButtonElement;
  /** The moment of the pipeline that the words are of. */
  private asked = '';

  constructor(parent: HTMLElement, prune: () => void) {
    this.root = element('div', 'pj-cache', parent);
    this.root.setAttribute('role', 'group');
    this.root.setAttribute('aria-label', 'Cache');
    this.words = element('span', 'pj-cache-words', this.root);
    this.bar = element('span', 'pj-cache-bar', this.root);
    this.bar.setAttribute('role', 'meter');
    this.bar.setAttribute('aria-label', 'Share of the quota in use');
    this.bar.setAttribute('aria-valuemin', '0');
    this.bar.setAttribute('aria-valuemax', '100');
    this.fill = element('i', '', this.bar);
    this.prune = button('tidy', 'Prune', this.root, 'pj-button pj-cache-prune');
    this.prune.setAttribute('aria-label', 'Prune the cache');
    this.prune.addEventListener('click', prune);
    this.root.hidden = true;
  }

  /** Nothing is known, or there is nothing to show. */
  forget(): void {
    this.asked = '';
    this.root.hidden = true;
  }

  /** Something may have been removed: ask once more with the next update. */
  outdate(): void {
    this.asked = '';
  }

  /** Ask anew when a run has ended. */
  update({ connected, session, run, rows }: Pipeline, ask: AskCache): void {
    setEnabled(this.prune, connected, true, PRUNE);
    const ended = Math.max(0, ...rows.map(row => row.t1 ?? 0));
    const moment = [session, connected, ended].join();
    if (!connected) {
      this.root.hidden = true;
    } else if (run === null && moment !== this.asked) {
      this.asked = moment;
      void ask().then(sizes => this.asked === moment && this.show(sizes));
    }
  }

  private show(sizes: CacheSizes | null): void {
    this.root.hidden = sizes === null;
    if (sizes === null) {
      return;
    }
    const { total, quota } = sizes;
    setText(this.words, `Cache: ${size(total)}${quota === null ? '' : ` of ${size(quota)}`}`);
    const share = quota ? Math.min(100, (100 * total) / quota) : 0;
    this.bar.hidden = quota === null;
    setAttribute(this.bar, 'aria-valuenow', share.toFixed(0));
    this.fill.style.width = `${share.toFixed(1)}%`;
    this.root.classList.toggle('pj-full', share > 95);
  }
}
