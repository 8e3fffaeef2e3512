/**
 * The side panel: the pipeline of the notebook in front, as a list or as a graph.
 * Must not talk to a kernel; the followed notebook does.
 */
import { Widget } from '@lumino/widgets';
import { button, element, setText } from '../graph/element';
import { defineIcons } from '../graph/icons';
import { hasFailed } from '../graph/status';
import { GraphView } from '../graph/view';
import type { Presence, Waiting } from '../client';
import type { Action, Ask, AskAttempts, AskCache } from '../model';
import type { FollowedNotebook } from '../notebook';
import { CacheLine } from './cache';
import { CONNECTING, Empty, Emptiness, NO_KERNEL, NO_NOTEBOOK, NO_TASKS, OUTDATED, notLoaded } from './empty';
import { RailView } from './rail';

export type Form = 'list' | 'graph';

/** Said above a pipeline that is shown as it was. */
const LAST_SEEN: Readonly<Partial<Record<Presence, string>>> = {
  'not-loaded': 'This is the pipeline as it was last seen: run %load_ext prefect_jupyter to bring it to life.',
  'no-kernel': 'No kernel: this is the pipeline as it was last seen.'
};

const ANSWER_MS = 6_000;
const TICK_MS = 1_000;

export class PipelinePanel extends Widget {
  private readonly modes = new Map<Form, HTMLButtonElement>();
  private readonly retry: HTMLButtonElement;
  private readonly bar: HTMLElement;
  private readonly line: HTMLElement;
  private readonly status: HTMLElement;
  private readonly load: HTMLButtonElement;
  private readonly empty: Empty;
  private readonly host: HTMLElement;
  private readonly cache: CacheLine;
  private view: RailView | GraphView | null = null;
  private notebook: FollowedNotebook | null = null;
  private selected: string | null = null;
  private answer = '';
  private shown: Form = 'list';
  private fades: ReturnType<typeof setTimeout> | undefined;
  private ticks: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.id = 'prefect-jupyter-panel';
    this.addClass('pj-panel');
    this.addClass('pj-theme');
    this.title.caption = 'Pipeline';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Pipeline');
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    defineIcons(this.node);
    this.bar = element('div', 'pj-panel-bar', this.node);
    const modes = element('div', 'pj-modes', this.bar);
    modes.setAttribute('role', 'group');
    modes.setAttribute('aria-label', 'Show as');
    this.modes.set('list', this.mode('list', 'List', modes));
    this.modes.set('graph', this.mode('graph', 'Graph', modes));
    this.retry = button('again', 'Retry failed', this.bar, 'pj-button pj-retry-all');
    this.retry.title = 'Run what failed and what that blocked';
    this.retry.addEventListener('click', () => this.act({ verb: 'retry_failed', tasks: [] }));
    this.line = element('div', 'pj-status', this.node);
    this.status = element('span', '', this.line);
    this.status.setAttribute('role', 'status');
    this.load = button('play', 'Load the extension', this.line, 'pj-button pj-load');
    this.load.addEventListener('click', () => void this.notebook?.load());
    this.line.hidden = true;
    this.empty = new Empty(this.node);
    this.host = element('div', 'pj-panel-view', this.node);
    this.cache = new CacheLine(this.node, () => this.act({ verb: 'cache_prune', tasks: [] }));
    this.refresh(null);
  }

  get form(): Form {
    return this.shown;
  }

  /** Show as a list or as a graph; the selection stays. */
  set form(form: Form) {
    if (form !== this.shown) {
      this.shown = form;
      this.drop();
      this.refresh(null);
    }
  }

  /** Show the pipeline of another notebook, or of none. */
  follow(notebook: FollowedNotebook | null): void {
    if (notebook === this.notebook) {
      return;
    }
    if (this.notebook !== null) {
      this.notebook.link.changed.disconnect(this.changed, this);
      this.notebook.answered.disconnect(this.answered, this);
    }
    this.notebook = notebook;
    this.selected = null;
    this.drop();
    if (notebook !== null) {
      notebook.link.changed.connect(this.changed, this);
      notebook.answered.connect(this.answered, this);
    }
    this.answer = '';
    this.cache.forget();
    this.refresh(null);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.follow(null);
      clearTimeout(this.fades);
      clearInterval(this.ticks);
      super.dispose();
    }
  }

  protected override onAfterAttach(): void {
    this.refresh(null);
  }

  protected override onAfterShow(): void {
    this.refresh(null);
    if (this.view instanceof GraphView) {
      this.view.resize();
    }
  }

  protected override onResize(): void {
    if (this.view instanceof GraphView) {
      this.view.resize();
    }
  }

  private mode(form: Form, words: string, parent: HTMLElement): HTMLButtonElement {
    const made = element('button', 'pj-mode', parent, words);
    made.type = 'button';
    made.addEventListener('click', () => (this.form = form));
    return made;
  }

  private act(action: Action): void {
    void this.notebook?.act(action);
  }

  private changed(_: unknown, changed: readonly number[] | null): void {
    this.refresh(changed);
  }

  private refresh(changed: readonly number[] | null): void {
    this.tell();
    const emptiness = this.emptiness();
    this.empty.show(emptiness);
    this.bar.hidden = this.host.hidden = emptiness !== null;
    for (const [form, target] of this.modes) {
      target.setAttribute('aria-pressed', String(form === this.shown));
    }
    if (emptiness !== null || this.notebook === null) {
      this.cache.forget();
      this.drop();
      return;
    }
    if (!this.isVisible) {
      return; // everything is drawn when it is shown
    }
    const { pipeline } = this.notebook.link;
    const failed = pipeline.rows.some(row => hasFailed(row.state) || row.state === 'TriggerFailed');
    this.retry.hidden = !failed;
    this.retry.disabled = !pipeline.connected;
    const view = this.view ?? this.make();
    view.update(pipeline, changed ?? undefined);
    const { notebook } = this;
    this.cache.update(pipeline, () => notebook.cached());
  }

  private make(): RailView | GraphView {
    const act = (action: Action) => this.act(action);
    const why: Ask = async task => (await this.notebook?.why(task)) ?? '';
    const cache: AskCache = async () => (await this.notebook?.cached()) ?? null;
    const Form = this.shown === 'list' ? RailView : GraphView;
    const attempts: AskAttempts = async task => (await this.notebook?.attempts(task)) ?? [];
    const view = new Form(this.host, act, why, cache, attempts);
    this.view = view;
    view.onselect = id => (this.selected = id);
    if (this.notebook !== null && this.selected !== null) {
      view.update(this.notebook.link.pipeline);
      view.select(this.selected);
    }
    return view;
  }

  private drop(): void {
    this.view?.dispose();
    this.view = null;
    this.host.textContent = '';
  }

  private emptiness(): Emptiness | null {
    const { notebook } = this;
    if (notebook === null) {
      return NO_NOTEBOOK;
    }
    const { presence, pipeline } = notebook.link;
    if (presence === 'outdated') {
      return OUTDATED;
    }
    if (pipeline.nodes.length > 0) {
      return null;
    }
    switch (presence) {
      case 'no-kernel':
        return NO_KERNEL;
      case 'not-loaded':
        return notLoaded(() => void notebook.load());
      case 'connecting':
        return CONNECTING;
      case 'connected':
        return NO_TASKS;
    }
  }

  // The line of words

  private answered(_: unknown, text: string): void {
    this.cache.outdate();
    this.view?.outdate();
    if (this.notebook !== null && this.view !== null) {
      const { notebook } = this;
      this.cache.update(notebook.link.pipeline, () => notebook.cached());
    }
    this.answer = text;
    clearTimeout(this.fades);
    this.fades = setTimeout(() => {
      this.answer = '';
      this.tell();
    }, ANSWER_MS);
    this.tell();
  }

  private tell(): void {
    const waiting = this.notebook?.link.waiting ?? null;
    const text = waiting ? waitingText(waiting, Date.now()) : this.answer;
    const presence = this.notebook?.link.pipeline.nodes.length ? this.notebook.link.presence : 'connected';
    const shown = text || (LAST_SEEN[presence] ?? '');
    setText(this.status, shown);
    this.line.hidden = shown === '';
    this.load.hidden = text !== '' || presence !== 'not-loaded';
    this.line.classList.toggle('pj-waiting', waiting !== null);
    if (waiting !== null && this.ticks === undefined) {
      this.ticks = setInterval(() => this.tell(), TICK_MS);
    } else if (waiting === null) {
      clearInterval(this.ticks);
      this.ticks = undefined;
    }
  }
}

/** Why there is no answer yet: nobody can answer while C code holds the interpreter. */
export function waitingText({ since, live }: Waiting, now: number): string {
  const seconds = Math.max(1, Math.round((now - since) / 1_000));
  return live
    ? `Sent; the kernel is in C code and cannot answer yet, ${seconds} s`
    : `Queued until the running cell ends, ${seconds} s: this kernel has no subshells`;
}
