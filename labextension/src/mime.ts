/**
 * The graph under a `%flow` cell: live while this page follows its session, otherwise as it was saved.
 * Must not trust what it is given: it comes from a file.
 */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import type { Followers } from './followers';
import { element } from './graph/element';
import { GraphView } from './graph/view';
import type { Action, Pipeline } from './model';
import type { FollowedNotebook } from './notebook';
import { MIME } from './protocol';
import { EMPTY, pipelineSaved } from './reducer';

export class GraphOutput extends Widget implements IRenderMime.IRenderer {
  private saved: Pipeline = EMPTY;
  private view: GraphView | null = null;
  private live: FollowedNotebook | null = null;

  constructor(private readonly followers: Followers) {
    super();
    this.addClass('pj-output');
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
    followers.changed.connect(this.look, this);
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    try {
      this.saved = pipelineSaved(model.data[MIME]);
      this.view ??= new GraphView(
        this.node,
        action => this.act(action),
        async task => (await this.live?.why(task)) ?? '',
        async () => (await this.live?.cached()) ?? null,
        async task => (await this.live?.attempts(task)) ?? []
      );
      this.look();
    } catch {
      this.view?.dispose();
      this.view = null;
      this.node.textContent = '';
      element('p', 'pj-unreadable', this.node, 'This saved pipeline cannot be read: run %flow again.');
    }
    return Promise.resolve();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.followers.changed.disconnect(this.look, this);
      this.live?.link.changed.disconnect(this.changed, this);
      this.view?.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(): void {
    this.view?.resize();
  }

  protected override onResize(): void {
    this.view?.resize();
  }

  /** Find the notebook that lives what was saved here; when it goes, what was last seen of it stays. */
  private look(): void {
    const live = this.saved.session ? this.followers.withSession(this.saved.session) : null;
    if (live !== this.live) {
      this.live?.link.changed.disconnect(this.changed, this);
      this.live = live;
      live?.link.changed.connect(this.changed, this);
    }
    this.view?.update(live ? live.link.pipeline : this.saved);
    this.remember();
  }

  private remember(): void {
    if (this.live !== null) {
      this.saved = { ...this.live.link.pipeline, connected: false, run: null };
    }
  }

  private changed(_: unknown, changed: readonly number[] | null): void {
    if (this.live !== null && changed !== null) {
      this.view?.update(this.live.link.pipeline, changed);
      this.remember();
    }
  }

  private act(action: Action): void {
    if (this.live !== null) {
      void this.live.act(action).then(() => this.view?.outdate());
    } else if (action.verb === 'reveal') {
      const node = this.saved.nodes.find(each => each.id === action.tasks[0]);
      void this.followers.current?.reveal(node?.cell ?? '');
    }
  }
}

/** `safe`: what it shows goes in as text, so a notebook that is not trusted may show it too. */
export function graphRenderer(followers: Followers): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [MIME], createRenderer: () => new GraphOutput(followers) };
}
