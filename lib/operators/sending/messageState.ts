import { Observable, type Subscriber } from 'rxjs';
import type { Receipt } from '../../message/receipt.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import type { Wire } from '../../wire/wire.js';

/** Messages whose last receipt is remembered: this many at least, twice as many at most. */
const MAX_ENDS = 500;

const memories = /* @__PURE__ */ new WeakMap<Wire, ReturnType<typeof createMemory>>();

/**
 * Emits the receipts of one message: the current one, if the message was sent already, then each
 * further one. Completes after the last receipt, or with the wire.
 *
 * From the first call on, the last receipts of at least the latest 500 messages of the wire are
 * remembered. For an unknown id, this waits: the message may be sent later.
 *
 * @example
 * import { connect, createMessage, messageState, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const message = createMessage('system.ping', { timestamp: 0 });
 * wire.next(message);
 * messageState(wire, message.id).subscribe(({ status }) => console.log(status));
 * // prints: queued
 * // prints: sent
 * // prints: acked
 */
export function messageState(wire: Wire, id: string): Observable<Receipt> {
  const state$ = new Observable<Receipt>((to) => {
    let memory = memories.get(wire);
    if (!memory) memories.set(wire, (memory = createMemory(wire)));
    memory.follow(id, to);
  });
  return wire.shown(state$);
}

/** The last receipts of a wire, and those who follow single messages: one lookup a receipt. */
function createMemory(wire: Wire) {
  const followers = new Map<string, Set<Subscriber<Receipt>>>();
  // A Map finds its oldest entry only slowly.
  let ends = new Map<string, Receipt>();
  let olderEnds = ends;
  let isOver = false;

  const next = (receipt: Receipt): void => {
    const { id, status, error } = receipt;
    const isLast = !!error || status === 'acked' || !wire.isPending(id);
    if (isLast) {
      if (ends.size >= MAX_ENDS) [ends, olderEnds] = [new Map<string, Receipt>(), ends];
      ends.set(id, receipt);
    }
    for (const to of [...(followers.get(id) ?? [])]) {
      to.next(receipt);
      if (isLast) to.complete();
    }
  };
  const complete = (): void => {
    isOver = true;
    for (const to of [...followers.values()].flatMap((all) => [...all])) to.complete();
  };
  markInternal(wire.receipts$.subscribe({ next, complete }), (id) => id !== undefined && followers.has(id));

  /** Returns the present receipt of a message that has no outcome yet. O(n) in those in flight. */
  const pendingReceipt = (id: string): Receipt => {
    const step = wire.session?.steps().find(([, messages]) => messages.some((message) => message.id === id));
    return { id, status: step ? step[0] : 'queued' };
  };
  return {
    follow(id: string, to: Subscriber<Receipt>): void {
      const isPending = wire.isPending(id);
      const current = isPending ? pendingReceipt(id) : (ends.get(id) ?? olderEnds.get(id));
      if (isOver || (current && !isPending)) {
        if (current) to.next(current);
        to.complete();
        return;
      }
      const all = followers.get(id) ?? new Set();
      // Before the first receipt: the message may have its outcome meanwhile.
      followers.set(id, all.add(to));
      to.add(() => {
        if (all.delete(to) && all.size === 0 && followers.get(id) === all) followers.delete(id);
      });
      if (current) to.next(current);
    },
  };
}
