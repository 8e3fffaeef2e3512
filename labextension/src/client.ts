/**
 * One notebook's link to the session in its kernel: found, opened, kept up to date, asked for things.
 * Must not show anything.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { UUID } from '@lumino/coreutils';
import { ISignal, Signal } from '@lumino/signaling';
import { Connection } from './connection';
import type { DocumentChange } from './document';
import type { Pipeline } from './model';
import { HELLO_TARGET, Message, NoticeMessage, OutputMessage, PROTOCOL, ReplyMessage } from './protocol';
import { EMPTY, Stream, abandoned, reduce } from './reducer';
import { Requests, WireVerb, refusal } from './requests';
import { createSubshell, deleteSubshell, over, within } from './subshell';

/** Is there somebody to talk to? `outdated`: the kernel speaks another protocol than this page. */
export type Presence = 'no-kernel' | 'not-loaded' | 'connecting' | 'connected' | 'outdated';

const ATTEMPTS_MAX = 4;
/** An idle kernel describes itself within this time; one that computes does not. */
const DESCRIBED_MS = 1_000;

/** What the link needs of `NotebookDocument`. */
export interface Told {
  take(): DocumentChange;
  forget(): void;
}

/** A command that the kernel has not acknowledged for a while. */
export interface Waiting {
  readonly verb: WireVerb;
  readonly since: number;
  /** False when this kernel can only answer between cells. */
  readonly live: boolean;
}

export class Link {
  private readonly page = UUID.uuid4();
  private kernel: Kernel.IKernelConnection | null = null;
  private connection: Connection | null = null;
  private stream: Stream = { pipeline: EMPTY, seq: null, changed: null };
  /** The pipeline as the kernel that has gone described it last. */
  private lastSeen: Pipeline = EMPTY;
  private readonly requests = new Requests(() => this._changed.emit(null));
  private commands = 0;
  private asked = false;
  private state: Presence = 'no-kernel';
  private over = false;
  private readonly _changed = new Signal<this, readonly number[] | null>(this);
  private readonly _noticed = new Signal<this, NoticeMessage>(this);
  private readonly _printed = new Signal<this, OutputMessage>(this);

  constructor(
    private readonly context: ISessionContext,
    private readonly told: Told,
    /** The document is edited by several pages at once. */
    private readonly shared = false
  ) {
    context.kernelChanged.connect(this.follow, this);
    context.statusChanged.connect(this.statusChanged, this);
    context.connectionStatusChanged.connect(this.connectionChanged, this);
    document.addEventListener('visibilitychange', this.visibilityChanged);
    window.addEventListener('pagehide', this.leaving);
    void context.ready.then(() => this.follow());
  }

  /** Says which rows changed, or null when anything else may have: tasks, presence, what is waited for. */
  get changed(): ISignal<this, readonly number[] | null> {
    return this._changed;
  }

  get noticed(): ISignal<this, NoticeMessage> {
    return this._noticed;
  }

  get printed(): ISignal<this, OutputMessage> {
    return this._printed;
  }

  get pipeline(): Pipeline {
    return this.stream.pipeline;
  }

  get presence(): Presence {
    return this.state;
  }

  /** The oldest command that has waited for longer than is polite. */
  get waiting(): Waiting | null {
    const { late } = this.requests;
    return late && { verb: late.verb, since: late.since, live: this.connection?.isLive ?? false };
  }

  /** Show what was saved with the notebook, until a kernel says more. */
  recall(saved: Pipeline): void {
    if (this.pipeline.nodes.length === 0 && this.connection === null) {
      this.lastSeen = { ...saved, connected: false, run: null };
      this.stream = { pipeline: this.lastSeen, seq: null, changed: null };
      this._changed.emit(null);
    }
  }

  /** Send a command with all that the kernel must know for it; resolves with the acknowledgement. */
  send(verb: WireVerb, tasks: readonly string[] = []): Promise<ReplyMessage> {
    const id = `${this.page}/${++this.commands}`;
    const connection = this.connection;
    if (!connection?.isOpen) {
      return Promise.resolve(refusal(id, 'No kernel has loaded prefect_jupyter for this notebook: run %load_ext prefect_jupyter.'));
    }
    const change = this.told.take();
    const reply = this.requests.add(id, verb);
    if (!connection.send({ id, protocol: PROTOCOL, session: connection.session, verb, tasks, ...change })) {
      this.told.forget();
      this.requests.settle(refusal(id, 'The connection to the kernel was lost. Try again in a moment.'));
    }
    return reply;
  }

  /** Tell the kernel what changed in the document, if anything did. */
  async flush(): Promise<void> {
    if (!this.connection?.isOpen) {
      return;
    }
    const change = this.told.take();
    if (change.order === null && Object.keys(change.sources).length === 0) {
      return;
    }
    const id = `${this.page}/${++this.commands}`;
    const { session } = this.connection;
    if (!this.connection.send({ id, protocol: PROTOCOL, session, verb: 'document', tasks: [], ...change })) {
      this.told.forget();
    }
  }

  dispose(): void {
    if (this.over) {
      return;
    }
    this.over = true;
    this.context.kernelChanged.disconnect(this.follow, this);
    this.context.statusChanged.disconnect(this.statusChanged, this);
    this.context.connectionStatusChanged.disconnect(this.connectionChanged, this);
    document.removeEventListener('visibilitychange', this.visibilityChanged);
    window.removeEventListener('pagehide', this.leaving);
    this.kernel?.removeCommTarget(HELLO_TARGET, this.greeted);
    this.drop();
    Signal.clearData(this);
  }

  // Finding the session ---------------------------------------------------------------------------

  /** Look at the kernel that the notebook has now. */
  private follow(): void {
    const kernel = this.context.session?.kernel ?? null;
    if (this.over || kernel === this.kernel) {
      return;
    }
    this.kernel?.removeCommTarget(HELLO_TARGET, this.greeted);
    this.drop();
    this.kernel = kernel;
    this.become(kernel === null ? 'no-kernel' : 'connecting');
    if (kernel !== null) {
      // The kernel says hello when `%load_ext` runs; a page that comes later looks whether it has.
      kernel.registerCommTarget(HELLO_TARGET, this.greeted);
      void this.look(kernel);
    }
  }

  private async look(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      const described = await within(DESCRIBED_MS, kernel.info);
      if (described === null && this.isWanted(kernel)) {
        await this.lookWhileBusy(kernel);
      }
      await kernel.info;
      if (this.isWanted(kernel)) {
        await this.ask(kernel, null);
      }
    } catch {
      // The kernel went away while it was asked; the next one is asked again.
    }
  }

  /** Has the session said hello? Then connect. */
  private async ask(kernel: Kernel.IKernelConnection, subshell: string | null): Promise<boolean> {
    const info = await over(kernel, subshell, () => kernel.requestCommInfo({ target_name: HELLO_TARGET }));
    const found = info?.content.status === 'ok' && Object.keys(info.content.comms).length > 0;
    if (found && this.isWanted(kernel)) {
      await this.connect(kernel, subshell);
      return true;
    }
    if (this.isWanted(kernel)) {
      this.become('not-loaded');
    }
    return false;
  }

  /** The page was loaded while a cell computes. */
  private async lookWhileBusy(kernel: Kernel.IKernelConnection): Promise<void> {
    const subshell = kernel.connectionStatus === 'connected' ? await createSubshell(kernel) : null;
    if (subshell !== null && !(await this.ask(kernel, subshell))) {
      deleteSubshell(kernel, subshell);
    }
  }

  private isWanted(kernel: Kernel.IKernelConnection): boolean {
    return kernel === this.kernel && this.connection === null && !this.over;
  }

  private readonly greeted = (hello: Kernel.IComm): void => {
    hello.dispose();
    if (this.kernel !== null) {
      this.drop();
      void this.connect(this.kernel, null);
    }
  };

  /** An open that is rejected or lost is tried again, a little later each time. */
  private async connect(kernel: Kernel.IKernelConnection, subshell: string | null): Promise<void> {
    this.become('connecting');
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && kernel === this.kernel && !this.over; attempt++) {
      const events = {
        message: (message: Message) => this.connection === connection && this.take(message),
        closed: () => this.connection === connection && this.lost()
      };
      const connection: Connection = new Connection(kernel, this.page, this.shared, events, attempt === 1 ? subshell : null);
      this.connection = connection;
      const ok = await connection.open();
      if (this.connection !== connection) {
        connection.dispose();
        return;
      }
      if (ok) {
        this.told.forget();
        void this.flush();
        return;
      }
      this.connection = null;
      await new Promise(resolve => setTimeout(resolve, 300 * attempt));
      if (this.connection !== null) {
        return;
      }
    }
    this.become(this.kernel === null ? 'no-kernel' : 'not-loaded');
  }

  /** The session closed the comm: it ended, or let go of a page that seemed dead. */
  private lost(): void {
    this.drop();
    this.become('not-loaded');
    if (this.kernel !== null) {
      void this.look(this.kernel);
    }
  }

  private drop(): void {
    this.connection?.dispose();
    this.connection = null;
    this.asked = false;
    this.requests.refuse('The kernel was restarted or has gone; the command was not carried out.');
    if (this.pipeline.connected) {
      this.lastSeen = { ...this.pipeline, connected: false, run: null };
      this.stream = { pipeline: this.lastSeen, seq: null, changed: null };
    }
  }

  // Listening -------------------------------------------------------------------------------------

  private take(message: Message): void {
    switch (message.type) {
      case 'welcome':
        this.become(message.protocol === PROTOCOL ? 'connected' : 'outdated');
        return;
      case 'reply':
        this.requests.settle(message);
        return;
      case 'notice':
        this._noticed.emit(message);
        return;
      case 'output':
        this._printed.emit(message);
        return;
      case 'graph':
      case 'state':
      case 'snap':
        this.advance(message);
    }
  }

  private advance(message: Message): void {
    if (this.state !== 'connected' || (document.hidden && message.type !== 'snap')) {
      return; // a hidden page asks for everything once it is seen again
    }
    const next = reduce(this.stream, message, Date.now());
    if (next === null) {
      this.askForAll();
      return;
    }
    if (message.type === 'snap') {
      this.asked = false;
    }
    this.stream = next;
    this._changed.emit(next.changed);
  }

  private askForAll(): void {
    if (!this.asked && this.connection?.isOpen) {
      this.asked = true;
      void this.send('snap');
    }
  }

  private become(presence: Presence): void {
    if (!this.over && this.state !== presence) {
      this.state = presence;
      this._changed.emit(null);
    }
  }

  private statusChanged(_: ISessionContext, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting' || status === 'dead' || status === 'terminating') {
      this.drop();
      // A kernel that died says that it restarts, and only then that nobody asked it to.
      const hasDied = status === 'autorestarting' || status === 'dead';
      this.stream = { ...this.stream, pipeline: abandoned(this.lastSeen, hasDied), changed: null };
      this._changed.emit(null);
      this.become(this.context.session?.kernel ? 'not-loaded' : 'no-kernel');
    }
  }

  /** Back after a lost network: what was sent meanwhile is lost. */
  private connectionChanged(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status === 'connected' && this.connection?.isOpen) {
      this.askForAll();
    }
  }

  private readonly visibilityChanged = (): void => {
    if (!document.hidden) {
      this.askForAll();
    }
  };

  private readonly leaving = (event: PageTransitionEvent): void => {
    if (!event.persisted) {
      this.connection?.dispose();
    }
  };
}
