/**
 * What stands in the place of a graph that cannot be drawn: how to make the first task, or what is wrong.
 * Must not be in the way of a graph that can.
 */
import { element, setText } from './element';

export class Blank {
  private readonly root: HTMLElement;
  private readonly title: HTMLElement;
  private readonly text: HTMLElement;
  private readonly example: HTMLElement;

  constructor(parent: HTMLElement) {
    this.root = element('div', 'pj-blank', parent);
    this.title = element('strong', '', this.root);
    this.text = element('p', '', this.root);
    this.example = element('pre', '', this.root, '%%task clean\ndf = flights.dropna()');
  }

  invite(): void {
    this.say(
      'No tasks yet',
      'Write %%task and a name at the top of a cell, then run it. ' +
        'The cell becomes a task, and what it reads and writes draws the graph here.'
    );
    this.example.hidden = false;
  }

  /** `names` lead back to the first of them. */
  cycle(names: readonly string[]): void {
    this.say('These tasks wait for each other', [...names, names[0]].join(' → '));
    this.example.hidden = true;
  }

  hide(): void {
    this.root.hidden = true;
  }

  private say(title: string, text: string): void {
    this.root.hidden = false;
    setText(this.title, title);
    setText(this.text, text);
  }
}
