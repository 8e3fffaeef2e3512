/**
 * Commands on their way: each waits for its acknowledgement, and it is known which waits too long.
 * Must not send anything.
 */
import type { ReplyMessage, VERBS } from './protocol';

export type WireVerb = (typeof VERBS)[number];

/** An answer later than this is worth a word to the person. */
export const PATIENCE_MS = 1_000;

const OWN: ReadonlySet<WireVerb> = new Set(['why', 'cache', 'snap', 'document']);

interface Request {
  readonly verb: WireVerb;
  readonly since: number;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly settle: (reply: ReplyMessage) => void;
}

export class Requests {
  private readonly open = new Map<string, Request>();

  /** `changed` is called when a command begins or ceases to be late. */
  constructor(private readonly changed: () => void) {}

  /** The acknowledgement of a command that is being sent now. */
  add(id: string, verb: WireVerb): Promise<ReplyMessage> {
    return new Promise(settle => {
      const timer = setTimeout(this.changed, PATIENCE_MS + 10);
      this.open.set(id, { verb, since: Date.now(), timer, settle });
    });
  }

  /** The oldest command that has waited for longer than is polite; what the page asks by itself does not count. */
  get late(): { readonly verb: WireVerb; readonly since: number } | null {
    const isLate = ({ verb, since }: Request) => !OWN.has(verb) && Date.now() - since >= PATIENCE_MS;
    return [...this.open.values()].find(isLate) ?? null;
  }

  settle(reply: ReplyMessage): void {
    const request = this.open.get(reply.id);
    if (request) {
      clearTimeout(request.timer);
      this.open.delete(reply.id);
      request.settle(reply);
      this.changed();
    }
  }

  /** Answer everything that is open with the same words. */
  refuse(text: string): void {
    for (const id of [...this.open.keys()]) {
      this.settle(refusal(id, text));
    }
  }
}

export function refusal(id: string, text: string): ReplyMessage {
  return { type: 'reply', id, ok: false, text, detail: null };
}
