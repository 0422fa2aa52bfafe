import { asapScheduler, noop } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { ConnectionLostError, DecodeError, MessagesMissedError } from '../errors.js';
import { createAlarm } from '../internal/alarm.js';
import { BAD_FRAMES, GAP } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { decodeBody } from './encoding.js';
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
   * Takes a batch.
   *
   * @throws {RxwireError} When the connection cannot go on.
   */
  read(first: number, count: number, body: Frame): void;
  /** An ack goes out at the end of the microtask. */
  readonly acknowledge: () => void;
}

export interface IncomingParts {
  readonly codec: Codec;
  readonly wait: Wait;
  readonly emit: (message: Message) => void;
  /** Names the other side to the application. */
  readonly source: () => string;
  readonly sendAck: (done: number) => void;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
}

export function createIncoming({ codec, wait, emit, source, sendAck, fail }: IncomingParts, options: EndpointOptions): Incoming {
  const { window = 1_024, windowBytes = 1024 * 1024, maxBadFrames = 3, inbox, microtask = asapScheduler, report = noop } = options;
  const acks = createAlarm(microtask, () => sendAck(receiver.progress.done));
  const acknowledge = (): void => acks.set(0);
  const complain = (error: unknown): void => report({ kind: 'error', error });
  let bad = 0;

  const settling = createSettling({ inbox, microtask, wait, onDone: acknowledge, onFailed: fail });
  const { onSettled } = settling;
  const gate = createGate({ emit, terms: { ...settling, complain }, maxHeld: window, onOverflow: complain });
  /** What has no number moves no cursor, but may have an effect. */
  const settleUnsure: Settle = (outcomes) => {
    if (outcomes.length > 0) onSettled(0, outcomes, receiver.progress);
  };
  const onMissed = (count: number): void => complain(new MessagesMissedError(count));
  const receiver = createReceiver({ window, windowBytes, hand: gate.hand, onSettled, onMissed });

  const decode = (first: number, count: number, body: Frame): readonly Message[] => {
    try {
      const messages = decodeBody(codec, body);
      if (messages.length !== count) throw new DecodeError(codec.name, `${messages.length} messages, where ${count} were announced`);
      bad = 0;
      return messages;
    } catch (error) {
      complain(error);
      if (++bad >= maxBadFrames) throw new ConnectionLostError(BAD_FRAMES, `${bad} bad frames`);
      // It is still to come: what follows it cannot be taken.
      if (first > 0) throw new ConnectionLostError(GAP, `${first} could not be read`);
      return [];
    }
  };

  return {
    receiver,
    gate,
    acknowledge,
    read(first, count, body) {
      if (first > 0) acknowledge();
      // A repeat is not worth reading.
      if (first > 0 && first + count <= receiver.rx + 1) return;
      const messages = decode(first, count, body);
      const from = source();
      // Just decoded, and nobody else's yet.
      for (const message of messages as readonly { source: string }[]) message.source ||= from;
      if (first > 0) receiver.accept(first, messages, body.length);
      else for (const message of messages) gate.handUnsure(message, settleUnsure);
    },
  };
}
