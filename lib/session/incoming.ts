import { asapScheduler, noop, type Subscription } from 'rxjs';
import { MessagesMissedError } from '../errors.js';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import type { Connection } from './connection.js';
import { createDecoder, type BatchFrame, type DecoderOptions } from './decoding.js';
import type { Durable } from './durable.js';
import { createGate, type Gate } from './gate.js';
import type { EndpointOptions } from './options.js';
import { createReceiver, type Receiver, type Settle } from './receiver.js';
import { createSettling } from './settling.js';
import type { Wait } from './storing.js';

/** All that one side receives: it is accepted, handed over, processed, and acked. */
export interface Incoming {
  readonly receiver: Receiver;
  readonly gate: Gate;
  /**
   * Takes a batch; answers when it is read. It has no effect when its connection is over by then.
   *
   * @throws {RxwireError} When the connection cannot go on; also delivered.
   */
  read(batch: BatchFrame, connection: Pick<Connection, 'isOver'>): MaybeAsync<void>;
  /** Whether all that has come is processed. */
  readonly isIdle: () => boolean;
  /** An ack goes out at the end of the microtask. */
  readonly acknowledge: () => void;
}

export interface IncomingParts extends Pick<DecoderOptions, 'codec' | 'sends' | 'pid'> {
  readonly wait: Wait;
  readonly life: Subscription;
  readonly durability: Durable | undefined;
  readonly emit: (message: Message) => void;
  /** Names the other side to the application. */
  readonly source: () => string;
  readonly sendAck: (done: number) => void;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
  /** Whether a batch may come. @default always */
  readonly admit?: (batch: BatchFrame) => boolean;
}

export function createIncoming(parts: IncomingParts, options: EndpointOptions): Incoming {
  const { emit, source, sendAck, fail, admit } = parts;
  const { window = 1_024, windowBytes = 1024 * 1024, maxBadFrames = 3, inbox, microtask = asapScheduler, report = noop } = options;
  const acks = createCoalescedTimer(microtask, () => sendAck(receiver.progress.done));
  const acknowledge = (): void => acks.set(0);
  const complain = (error: unknown): void => report({ kind: 'error', error });
  const decode = createDecoder({ ...parts, maxBadFrames, report });

  const settling = createSettling({ ...parts, inbox, microtask, onDone: acknowledge, onFailed: fail });
  const { onSettled } = settling;
  const gate = createGate({ emit, terms: { ...settling, complain }, maxHeld: window, onOverflow: complain });
  let unsettled = 0;
  /** What has no number moves no cursor, but may have an effect. */
  const settleUnsure: Settle = (outcomes) => {
    unsettled--;
    if (outcomes.length > 0) onSettled(0, outcomes, receiver.progress);
  };
  const onMissed = (count: number): void => complain(new MessagesMissedError(count));
  const receiver = createReceiver({ window, windowBytes, hand: gate.hand, onSettled, onMissed });

  const accept = ({ first, body }: BatchFrame, messages: readonly Message[]): void => {
    const from = source();
    // Just decoded, and nobody else's yet.
    for (const message of messages as readonly { source: string }[]) message.source ||= from;
    if (first > 0) receiver.accept(first, messages, body.length);
    else {
      unsettled += messages.length;
      for (const message of messages) gate.handUnsure(message, settleUnsure);
    }
  };
  return {
    receiver,
    gate,
    acknowledge,
    isIdle: () => unsettled === 0 && receiver.isIdle() && settling.isIdle(),
    read(batch, connection) {
      const { first, count } = batch;
      if (first > 0) acknowledge();
      // A repeat is not worth reading.
      if (first > 0 && first + count <= receiver.rx + 1) return;
      if (admit && !admit(batch)) return;
      return chain(decode(batch, connection), (messages) => {
        if (!connection.isOver) accept(batch, messages);
      });
    },
  };
}
