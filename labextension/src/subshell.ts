/**
 * A subshell for a page that was loaded while a cell computes: JupyterLab makes none before the kernel has described
 * itself, and that happens after the cell. Must not be used where JupyterLab's own subshells work.
 */
import { Kernel, KernelMessage } from '@jupyterlab/services';

/** A kernel without subshells never answers; JupyterLab holds what is sent before the kernel has described itself for 3 s. */
const ANSWER_MS = 8_000;

/** The id of a new subshell, or null where the kernel has none to give. */
export async function createSubshell(kernel: Kernel.IKernelConnection): Promise<string | null> {
  const request = KernelMessage.createMessage<KernelMessage.ICreateSubshellRequestMsg>({
    msgType: 'create_subshell_request',
    channel: 'control',
    username: kernel.username,
    session: kernel.clientId,
    content: {}
  });
  const future = kernel.sendControlMessage(request, true) as Kernel.IControlFuture<
    KernelMessage.ICreateSubshellRequestMsg,
    KernelMessage.ICreateSubshellReplyMsg
  >;
  const reply = await within(ANSWER_MS, future.done);
  if (reply === null) {
    future.dispose();
  }
  return reply?.content.subshell_id ?? null;
}

export function deleteSubshell(kernel: Kernel.IKernelConnection, subshell: string): void {
  const request = KernelMessage.createMessage<KernelMessage.IDeleteSubshellRequestMsg>({
    msgType: 'delete_subshell_request',
    channel: 'control',
    username: kernel.username,
    session: kernel.clientId,
    content: { subshell_id: subshell }
  });
  kernel.sendControlMessage(request, true);
}

/** What `send` sends is handled by this subshell; null: as JupyterLab would have it. */
export function over<T>(kernel: Kernel.IKernelConnection, subshell: string | null, send: () => T): T {
  const before = kernel.subshellId;
  try {
    kernel.subshellId = subshell ?? before;
    return send();
  } finally {
    kernel.subshellId = before;
  }
}

/** The promise's value, or null when it takes longer than `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
