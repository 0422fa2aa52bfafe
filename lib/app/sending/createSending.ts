import { asapScheduler, type Observer, Subscription } from 'rxjs';
import { InvalidMessageError, MessageDroppedError, WireClosedError } from '../../errors.js';
import { isFinal, type Receipt } from '../../message/receipt.js';
import type { MessageSink, StartPull } from './pullFrom.js';
import type { SendingWire, SendOptions } from './sendOptions.js';
import { createRing } from '../../internal/ring.js';

export type Sending = ReturnType<typeof createSending>;

type SendingOptions = Required<Pick<SendOptions, 'ahead' | 'emitFailed'>> & {
  /** Whether the subscriber calls `release` for each receipt. */
  readonly isHeld: boolean;
};

/** Sends the messages of a source, and passes on their last receipts in order. */
export function createSending(wire: SendingWire, startPull: StartPull, to: Observer<Receipt>, options: SendingOptions) {
  const { ahead, emitFailed, isHeld } = options;
  const receipts = new Subscription();
  const order = createReceiptOrder();
  /** The number of messages that take the room of `ahead`. */
  let used = 0;
  let isOver = false;
  let isPassing = false;
  /** Set when the first message that was given up ends the stream. */
  let reason: Error | undefined;
  let end: { readonly error?: unknown } | undefined;

  const sink: MessageSink = {
    hasRoom: () => !isOver && !reason && used < ahead,
    next(message) {
      if (isOver) return;
      if (Object(message) !== message) {
        fail(new InvalidMessageError('message', 'must be an object'));
        return;
      }
      used++;
      order.add(message.id);
      wire.next(message);
    },
    end(how = {}) {
      end ??= how;
      if (order.isEmpty()) finish(end);
    },
    fail: (error) => fail(error),
  };
  const source = startPull(sink);

  const stop = (): void => {
    if (isOver) return;
    isOver = true;
    receipts.unsubscribe();
    source.release();
  };
  const finish = (how: { readonly error?: unknown }): void => {
    if (isOver) return;
    stop();
    if ('error' in how) to.error(how.error);
    else to.complete();
  };
  const fail = (error: unknown): void => finish({ error });
  const giveUp = (error: Error): void => {
    reason = error;
    if (!isEnd(error)) fail(error);
    // The error of the wire follows: at once, or if the wire drains, after the end of its
    // connection.
    else if (wire.state.status !== 'disconnecting') asapScheduler.schedule(() => fail(error));
  };
  /** Passes on the receipts of the oldest messages. */
  const pass = (): void => {
    if (isPassing) return;
    isPassing = true;
    for (let receipt = order.peek(); receipt && !isOver && !reason; receipt = order.peek()) {
      if (receipt.error && !emitFailed) giveUp(receipt.error);
      else {
        order.shift();
        if (!isHeld) used--;
        to.next(receipt);
      }
    }
    isPassing = false;
    if (end && order.isEmpty()) finish(end);
  };
  const next = (receipt: Receipt): void => {
    if (!order.isOpen(receipt.id) || !isFinal(receipt, wire)) return;
    order.settle(receipt);
    pass();
    source.pull();
  };

  return {
    /** Starts. Called once. */
    start(): void {
      receipts.add(wire.receipts$.subscribe({ next, complete: () => fail(reasonOf(wire, reason)) }));
      source.pull();
    },
    /** Stops, and releases the source. The wire keeps the messages that are sent. */
    stop,
    /** Makes room for one message: to be called for each processed receipt, if `isHeld`. */
    release(): void {
      used--;
      source.pull();
    },
  };
}

/** Returns whether a message was given up because the wire ends. */
function isEnd(error: Error): boolean {
  return error instanceof MessageDroppedError && error.reason === 'closed';
}

/** Returns the reason why the wire has ended. */
function reasonOf({ state }: SendingWire, reason: Error | undefined): unknown {
  return state.status === 'error' ? state.error : (reason ?? new WireClosedError());
}

/** A message that was sent. */
interface Sent {
  receipt: Receipt | undefined;
  /** An earlier message with the same id, which is the same message for the wire. */
  readonly twin: Sent | undefined;
}

/** Puts the last receipts of messages into the order in which the messages were sent. */
function createReceiptOrder() {
  const sent = createRing<Sent>();
  /** The messages without a last receipt, by id. */
  const open = new Map<string, Sent>();

  return {
    isEmpty: (): boolean => sent.size === 0,
    /** Adds a message. */
    add(id: string): void {
      const one: Sent = { receipt: undefined, twin: open.get(id) };
      open.set(id, one);
      sent.push(one);
    },
    /** Whether a message has no last receipt yet. */
    isOpen: (id: string): boolean => open.has(id),
    /** Takes the last receipt of a message. */
    settle(receipt: Receipt): void {
      for (let one = open.get(receipt.id); one; one = one.twin) one.receipt = receipt;
      open.delete(receipt.id);
    },
    /** Returns the last receipt of the oldest message, if there is one. */
    peek: (): Receipt | undefined => sent.peek()?.receipt,
    /** Removes the oldest message. */
    shift: (): void => void sent.shift(),
  };
}
