/**
 * What stands in the panel when there is no pipeline to show, and the way to one.
 * Must not decide which of them it is.
 */
import { element } from '../graph/element';

export interface Emptiness {
  readonly title: string;
  readonly text: string;
  readonly example?: string;
  readonly button?: { readonly words: string; readonly press: () => void };
}

export const NO_NOTEBOOK: Emptiness = {
  title: 'No notebook',
  text: 'Open a notebook: its tasks appear here as you write them.'
};

export const NO_KERNEL: Emptiness = {
  title: 'No kernel',
  text: 'Start a kernel for this notebook to see its pipeline.'
};

export const CONNECTING: Emptiness = { title: 'Connecting …', text: 'Asking the kernel for its tasks.' };

export const OUTDATED: Emptiness = {
  title: 'Reload the page',
  text: 'The kernel runs another version of prefect_jupyter than this page. Reload the page; if that does not help, restart the kernel.'
};

export const NO_TASKS: Emptiness = {
  title: 'No tasks yet',
  text: 'Write %%task and a name at the top of a cell, then run it. What the cell reads and writes draws the pipeline.',
  example: '%%task clean\ndf = flights.dropna()'
};

export function notLoaded(press: () => void): Emptiness {
  return {
    title: 'Not loaded',
    text: 'The kernel of this notebook has not loaded prefect_jupyter yet. Run this cell, or all cells, and its tasks appear here.',
    example: '%load_ext prefect_jupyter',
    button: { words: 'Load the extension', press }
  };
}

export class Empty {
  private readonly root: HTMLElement;

  constructor(parent: HTMLElement) {
    this.root = element('div', 'pj-empty', parent);
    this.root.hidden = true;
  }

  /** Show one of them, or nothing. */
  show(shown: Emptiness | null): void {
    this.root.hidden = shown === null;
    this.root.textContent = '';
    if (shown === null) {
      return;
    }
    element('strong', '', this.root, shown.title);
    element('p', '', this.root, shown.text);
    if (shown.example) {
      element('pre', '', this.root, shown.example);
    }
    if (shown.button) {
      const made = element('button', 'pj-empty-button', this.root, shown.button.words);
      made.type = 'button';
      made.addEventListener('click', shown.button.press);
    }
  }
}
