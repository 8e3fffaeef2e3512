/** A kernel with a session in it, as far as the link can see: comms, comm info, signals. Must not imitate more. */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { CommandMessage, HELLO_TARGET, Message, Opening, PROTOCOL, Snap, TARGET } from '../src/protocol';

export class FakeComm {
  onMsg: (message: unknown) => void = () => undefined;
  onClose: (message: unknown) => void = () => undefined;
  commsOverSubshells = 'disabled';
  isDisposed = false;
  opening: Opening | null = null;

  constructor(
    readonly targetName: string,
    private readonly kernel: FakeKernel
  ) {}

  get subshellStarted(): Promise<void> {
    return this.kernel.subshells ? Promise.resolve() : new Promise(() => undefined);
  }

  get subshellId(): string | null {
    return this.kernel.subshells ? 'subshell' : null;
  }

  open(data: Opening): void {
    this.opening = data;
    this.kernel.opened(this);
  }

  send(data: CommandMessage): void {
    this.kernel.received.push(data);
  }

  close(): void {
    this.kernel.closed.push(this);
    this.dispose();
  }

  dispose(): void {
    this.isDisposed = true;
  }

  push(message: Message): void {
    this.onMsg({ content: { data: JSON.parse(JSON.stringify(message)) } });
  }
}

export class FakeKernel {
  readonly received: CommandMessage[] = [];
  readonly closed: FakeComm[] = [];
  readonly comms: FakeComm[] = [];
  readonly connectionStatus = 'connected';
  readonly info = Promise.resolve({});
  status = 'idle';
  isDisposed = false;
  subshellId: string | null = null;
  supportsSubshells = true;
  /** Whether `%load_ext` has run. */
  loaded = true;
  /** How often an open is not answered before one is. */
  deaf = 0;
  subshells = true;
  protocol = PROTOCOL;
  private readonly targets = new Map<string, (comm: unknown) => void>();

  createComm(target: string): FakeComm {
    const comm = new FakeComm(target, this);
    this.comms.push(comm);
    return comm;
  }

  registerCommTarget(target: string, callback: (comm: unknown) => void): void {
    this.targets.set(target, callback);
  }

  removeCommTarget(target: string, callback: (comm: unknown) => void): void {
    if (this.targets.get(target) === callback) {
      this.targets.delete(target);
    }
  }

  requestCommInfo({ target_name }: { target_name: string }): Promise<unknown> {
    const comms = this.loaded && target_name === HELLO_TARGET ? { hello: { target_name } } : {};
    return Promise.resolve({ content: { status: 'ok', comms } });
  }

  get targetNames(): string[] {
    return [...this.targets.keys()];
  }

  /** `%load_ext` runs now. */
  hello(): void {
    this.loaded = true;
    this.targets.get(HELLO_TARGET)?.(new FakeComm(HELLO_TARGET, this));
  }

  opened(comm: FakeComm): void {
    if (comm.targetName !== TARGET || comm.opening?.role !== 'push') {
      return;
    }
    if (this.deaf > 0) {
      this.deaf -= 1;
      return;
    }
    comm.push({ type: 'welcome', protocol: this.protocol, version: '1', session: 's', title: 't' });
    comm.push(SNAP);
  }

  /** The comm on which the session pushes to the page now. */
  get page(): FakeComm {
    return this.comms.filter(comm => comm.opening?.role === 'push' && !comm.isDisposed).at(-1) as FakeComm;
  }

  reply(id: string, ok = true, text = 'Fine.'): void {
    this.page.push({ type: 'reply', id, ok, text, detail: null });
  }

  verbs(): string[] {
    return this.received.map(command => command.verb);
  }
}

export const SNAP: Snap = {
  type: 'snap', session: 's', rev: 1, title: 'flights', seq: 1, now: 0, run: null, saved: false,
  nodes: [
    ['t1', 'load', 'cell-1', '[1]', 0, [], ['raw']],
    ['t2', 'clean', 'cell-2', '[2]', 0, ['raw'], ['df']],
    ['t3', 'fit', 'cell-3', '[3]', 0, ['df'], []]
  ],
  edges: [[0, 1, ['raw']], [1, 2, ['df']]],
  rows: [
    [0, 4, 0, 1_000, 2_200, 1, 0, 0, 0, '', ''],
    [1, 12, 1, 3_000, 4_000, 1, 0, 0, 0, "KeyError: 'dep'", 'failed'],
    [2, 14, 1, null, null, 0, 0, 0, 0, 'not run: `clean` failed', '`clean` failed']
  ]
};

export class FakeContext {
  readonly kernelChanged = new Signal<this, unknown>(this);
  readonly statusChanged = new Signal<this, Kernel.Status>(this);
  readonly connectionStatusChanged = new Signal<this, Kernel.ConnectionStatus>(this);
  readonly ready = Promise.resolve();

  constructor(public kernel: FakeKernel | null) {}

  get session(): { kernel: FakeKernel | null } {
    return { kernel: this.kernel };
  }

  replace(kernel: FakeKernel | null): void {
    this.kernel = kernel;
    this.kernelChanged.emit(null);
  }

  get asContext(): ISessionContext {
    return this as unknown as ISessionContext;
  }
}
