/**
 * Two comms to one kernel: one it pushes on, one that carries commands. Both run on one subshell, so that they are
 * served while a cell computes. Must not know what the messages mean, except `welcome`.
 */
import type { CommsOverSubshells, Kernel } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import { CommandMessage, Message, Opening, PROTOCOL, TARGET, Welcome } from './protocol';
import { deleteSubshell, over, within } from './subshell';

/** A new subshell answers in well under a second; a kernel that computes in C code may take longer. */
const SUBSHELL_MS = 2_000;
const WELCOME_MS = 5_000;

const PER_TARGET = 'perCommTarget' as CommsOverSubshells;

/** `Kernel.IComm` as JupyterLab makes it; the subshell is not part of the interface yet. */
interface SubshellComm extends Kernel.IComm {
  readonly subshellStarted?: Promise<void>;
  readonly subshellId?: string | null;
}

export interface ConnectionEvents {
  message(message: Message): void;
  /** The kernel closed the connection, or is gone. */
  closed(): void;
}

export class Connection {
  private push: SubshellComm | null = null;
  private commands: SubshellComm | null = null;
  private welcome: Welcome | null = null;
  private over = false;
  private released = false;

  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    private readonly page: string,
    private readonly shared: boolean,
    private readonly events: ConnectionEvents,
    /** A subshell made for this connection, which ends with it; null: JupyterLab makes one. */
    private readonly subshell: string | null = null
  ) {}

  /** Whether commands are answered while a cell computes. */
  get isLive(): boolean {
    return this.subshell !== null || Boolean(this.commands?.subshellId);
  }

  get isOpen(): boolean {
    return this.welcome !== null && !this.over;
  }

  get session(): string {
    return this.welcome?.session ?? '';
  }

  /** Open both comms; false when the kernel did not answer in time or refused. */
  async open(): Promise<boolean> {
    const push = (this.push = await this.comm());
    const commands = (this.commands = await this.comm());
    if (this.over) {
      this.dispose();
      return false;
    }
    const welcomed = new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), WELCOME_MS);
      const settle = (ok: boolean) => {
        clearTimeout(timer);
        resolve(ok);
      };
      push.onMsg = message => {
        const data = message.content.data as unknown as Message;
        if (data.type === 'welcome') {
          this.welcome = data;
          settle(true);
        }
        this.events.message(data);
      };
      push.onClose = () => {
        settle(false);
        this.end();
      };
    });
    // Commands first: once the kernel has welcomed the page, both are there.
    over(this.kernel, this.subshell, () => {
      commands.open(this.opening('commands'));
      push.open(this.opening('push'));
    });
    const ok = await welcomed;
    if (!ok) {
      this.dispose();
    }
    return ok && !this.over;
  }

  /** True when the command was handed to the network. */
  send(command: CommandMessage): boolean {
    if (!this.isOpen || this.commands === null || this.commands.isDisposed) {
      return false;
    }
    const { commands } = this;
    over(this.kernel, this.subshell, () => commands.send(command as unknown as JSONObject, undefined, undefined, true));
    return true;
  }

  dispose(): void {
    this.over = true;
    const canSend = !this.kernel.isDisposed && this.kernel.connectionStatus === 'connected' && this.kernel.status !== 'dead';
    for (const comm of [this.push, this.commands]) {
      if (comm === null || comm.isDisposed) {
        continue;
      }
      comm.onClose = () => undefined;
      if (canSend) {
        over(this.kernel, this.subshell, () => comm.close());
      } else {
        comm.dispose();
      }
    }
    if (canSend && this.subshell !== null && !this.released) {
      this.released = true;
      deleteSubshell(this.kernel, this.subshell);
    }
  }

  private end(): void {
    if (!this.over) {
      this.over = true;
      this.commands?.dispose();
      this.events.closed();
    }
  }

  private opening(role: Opening['role']): JSONObject {
    return { role, page: this.page, protocol: PROTOCOL, shared: this.shared };
  }

  private async comm(): Promise<SubshellComm> {
    const comm = this.kernel.createComm(TARGET) as SubshellComm;
    if (this.kernel.supportsSubshells && comm.subshellStarted) {
      // Also where the user's setting is "disabled": a button that waits for the cell is of no use.
      comm.commsOverSubshells = PER_TARGET;
      // It never settles where subshells are off in the kernel.
      await within(SUBSHELL_MS, comm.subshellStarted);
    }
    return comm;
  }
}
