/**
 * The only place where elements are made: text goes in as text, names of classes are our own words.
 * Must not set markup.
 */
import type { IconName } from './icons';

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  parent?: HTMLElement,
  text?: string
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) {
    made.className = className;
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  parent?.appendChild(made);
  return made;
}

export function icon(name: IconName, parent: HTMLElement): HTMLElement {
  const made = element('span', 'pj-icon', parent);
  made.setAttribute('aria-hidden', 'true');
  made.style.setProperty('--pj-icon', `var(--pj-icon-${name})`);
  return made;
}

/** A button with a picture and words; the words are its accessible name. */
export function button(name: IconName, words: string, parent: HTMLElement, className = 'pj-button'): HTMLButtonElement {
  const made = element('button', className, parent);
  made.type = 'button';
  icon(name, made);
  element('span', '', made, words);
  return made;
}

/** A button with a picture alone; `words` name it and show on hover. */
export function iconButton(name: IconName, words: string, parent: HTMLElement): HTMLButtonElement {
  const made = element('button', 'pj-icon-button', parent);
  made.type = 'button';
  made.title = words;
  made.setAttribute('aria-label', words);
  icon(name, made);
  return made;
}

/** Write text only when it differs, so that an unchanged line costs no layout. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

export function setAttribute(target: HTMLElement, name: string, value: string): void {
  if (target.getAttribute(name) !== value) {
    target.setAttribute(name, value);
  }
}
