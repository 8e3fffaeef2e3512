/**
 * The notebooks of this page that are followed, one follower each.
 * Must not show anything.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ISignal, Signal } from '@lumino/signaling';
import { FollowedNotebook, Preferences } from './notebook';

export class Followers {
  private readonly followed = new Map<NotebookPanel, FollowedNotebook>();
  private readonly _changed = new Signal<this, void>(this);

  constructor(
    private readonly tracker: INotebookTracker,
    private preferences: Preferences
  ) {
    tracker.widgetAdded.connect((_, panel) => void this.add(panel));
    tracker.forEach(panel => void this.add(panel));
    tracker.currentChanged.connect(() => this._changed.emit());
  }

  /** Another notebook is in front, or one is followed from now on, or no more. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The notebook in front. */
  get current(): FollowedNotebook | null {
    const panel = this.tracker.currentWidget;
    return (panel && this.followed.get(panel)) ?? null;
  }

  /** The notebook whose kernel announced this session on this page last, be it there or not. */
  withSession(session: string): FollowedNotebook | null {
    return [...this.followed.values()].find(({ link }) => link.pipeline.session === session) ?? null;
  }

  prefer(preferences: Preferences): void {
    this.preferences = preferences;
    this.followed.forEach(each => each.prefer(preferences));
  }

  private async add(panel: NotebookPanel): Promise<void> {
    await panel.context.ready;
    if (panel.isDisposed || this.followed.has(panel)) {
      return;
    }
    const isFirst = () => [...this.followed.keys()].find(each => each.context === panel.context) === panel;
    const follower = new FollowedNotebook(panel, this.preferences, isFirst);
    this.followed.set(panel, follower);
    panel.disposed.connect(() => {
      this.followed.delete(panel);
      follower.dispose();
      this._changed.emit();
    });
    follower.link.changed.connect((_, changed) => {
      if (changed === null) {
        this._changed.emit();
      }
    });
    this._changed.emit();
  }
}
