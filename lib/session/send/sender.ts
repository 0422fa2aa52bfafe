import { isObservable, noop, type Subscription } from 'rxjs';
import type { BatchContext, Direction } from '../../codec/codec.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { InDoubtError, NotEncryptedError, type ConnectionLostError, type RxwireError } from '../../errors.js';
import { chain, forEachInOrder, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { NegotiatedCodec } from '../codecNegotiation.js';
import type { Durable } from '../durability.js';
import { countOf, createEncoder, type Encode, type Encoded } from '../encoding.js';
import { DEFAULTS, type EndpointOptions } from '../endpointOptions.js';
import { batchFrame, MAX_BATCH, type Ack } from '../protocol/frames.js';
import type { ReceiveLimits } from '../protocol/receiveLimits.js';
import { createSerialTask, type SerialTask, type Wait } from '../serialTask.js';
import type { Report } from '../sessionEvents.js';
import type { FrameContents, OutboxCalls } from '../store/outboxCalls.js';
import {
  hole,
  InFlight,
  lastOf,
  numbered,
  type Allowance,
  type Batch,
  type BatchTransport,
  type MakeBatches,
  type NumberedDelivery,
} from './inFlight.js';
import { LimitedTarget } from './encodingTarget.js';
import type { OutboxWriter } from './outboxWriter.js';
import { PendingMessages } from './pendingMessages.js';
import { SendQueue } from './sendQueue.js';

export interface SenderParts {
  readonly codec: NegotiatedCodec;
  /** The direction of what is sent. */
  readonly sends: Direction;
  /** Returns the `pid` of the client's outbox, once it is known. */
  readonly pid: () => string;
  readonly store: OutboxCalls;
  /** Present if a store is persistent. */
  readonly durability: Durable | undefined;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  /** Ends the session with an error. */
  readonly fail: (error: unknown) => void;
}

/** The result of a handshake for the sender. */
interface Agreed {
  readonly rx: number;
  readonly isKnown: boolean;
  readonly isFresh?: boolean | undefined;
  /** The limits of the other side for one frame. @default the limits of the last handshake */
  readonly limits?: ReceiveLimits;
}

/**
 * Sends the messages of one side: a message waits, gets its number, is stored with it, is in
 * flight, and is acked.
 */
export class Sender {
  readonly pending: PendingMessages;
  readonly inFlight: InFlight;
  /** The receiver for which messages are encoded. */
  readonly target: LimitedTarget;
  readonly #parts: SenderParts;
  readonly #report: Report;
  readonly #queue: SendQueue;
  readonly #encode: Encode;
  /** Encoding and storing, for messages with numbers. */
  readonly #serial: SerialTask;
  readonly #writer: OutboxWriter | undefined;
  #transport: BatchTransport | undefined;
  /** The highest number that was assigned. */
  #last = 0;
  /** Whether the contents of the store are read. */
  #isReady = false;
  #isNumbering = false;
  /** Whether at-most-once messages are being encoded. */
  #isEncoding = false;
  /** Whether the batches were written by a codec that the other side does not read. */
  #isStale = false;

  constructor(parts: SenderParts, options: EndpointOptions) {
    const {
      delivery = DEFAULTS.delivery,
      maxFrame = DEFAULTS.maxFrame,
      maxQueued = DEFAULTS.maxQueued,
      overflow = DEFAULTS.overflow,
    } = options;
    const { scheduler = DEFAULTS.scheduler, report = noop, isWatched = () => true, onDead = noop } = options;
    this.#parts = parts;
    this.#report = report;
    this.pending = new PendingMessages({ report, isWatched, onDead });
    this.inFlight = new InFlight(this.pending, scheduler, () => parts.codec.current.name);
    this.#queue = new SendQueue({ delivery, maxQueued, overflow, scheduler, pending: this.pending });
    const onUnsendable = ({ id }: Message, error: RxwireError): void => this.pending.close(id, 'dead', { error });
    this.target = new LimitedTarget(parts.codec, maxFrame);
    this.#encode = createEncoder(this.target, { onUnsendable, contextOf: this.#contextOf });
    this.#serial = createSerialTask(parts.wait, () => {
      this.#writer?.afterWrite();
      this.#sendNumbered();
    });
    const { pending, inFlight, target } = this;
    this.#writer = parts.durability?.createOutboxWriter(
      { ...parts, report, pending, inFlight, target, encode: this.#encode },
      this.#serial,
    );
    report({
      kind: 'begun',
      pending: pending.byId,
      inFlight,
      queued: () => this.#queue.size + this.#last - inFlight.tail,
      room: () => maxQueued - this.#queue.size,
    });
  }

  /** Whether no message waits for its number, and none is being encoded or stored. */
  isIdle(): boolean {
    return this.#queue.isEmpty() && !this.#queue.hasUnnumbered() && !this.#serial.isBusy && !this.#isEncoding;
  }

  /**
   * Adds a message. Returns false when it is pending already, or says that it is encrypted and is
   * not. The caller calls {@link flush} at the end of the microtask.
   */
  accept(message: Message): boolean {
    if (message.metadata && isUnencrypted(message) && !this.#parts.codec.current.isSealed) {
      this.pending.refuse(message, new NotEncryptedError(message));
      return false;
    }
    if (!this.pending.open(message)) return false;
    this.#queue.push(message);
    return true;
  }

  /** Sends all messages that may be sent now. */
  flush(): void {
    if (!this.#isReady) return;
    this.#sendUnnumbered();
    this.#sendNumbered();
  }

  /** Starts with the contents of a store; calls back when they are read. */
  begin(contents: FrameContents, ready: () => void): void {
    const { codec, durability } = this.#parts;
    const open = (message: Message): void => void this.pending.open(message);
    const restore: MakeBatches = () =>
      durability?.restoreBatches(contents, { codec, contextOf: this.#contextOf, report: this.#report, open }) ?? [];
    this.#serial.run(restore, (batches) => {
      const { acked } = contents;
      const marked = this.#parts.store.isDurable ? contents.sent : Infinity;
      this.#last = Math.max(acked, ...batches.map(lastOf));
      const sent = Math.max(acked, Math.min(marked, this.#last));
      this.inFlight.begin(acked, sent, marked, batches);
      this.#isReady = true;
      this.flush();
      ready();
    });
  }

  /**
   * Continues with the batches in flight of a session that hibernated. Some messages of the first
   * batch may be acked.
   */
  adopt(acked: number, sent: number, marked: number, batches: readonly Batch[]): void {
    for (const { first, messages } of batches)
      for (const message of messages.slice(Math.max(0, acked + 1 - first))) this.pending.adopt(message);
    this.#last = sent;
    this.inFlight.begin(acked, sent, marked, batches);
    this.#isReady = true;
  }

  /**
   * Compares the numbers with those of the other side, which has accepted all messages up to `rx`.
   * If the numbers do not match, the messages that the other side may have received are in doubt:
   * exactly-once messages are given up, at-least-once messages get new numbers. The sender gives up
   * the messages that exceed the limits of the other side.
   *
   * @param agreed `isKnown`: whether the other side has the numbers of this side at all. `isFresh`:
   *   whether it has accepted no message: then none is in doubt.
   * @param ready Called when all unacked messages have numbers behind `rx`, and are stored with
   *   them.
   */
  resume({ rx, isKnown, isFresh = false, limits }: Agreed, ready: () => void): void {
    const { inFlight } = this;
    this.#serial.whenIdle(() => {
      if (limits) this.target.limit(limits);
      if ((this.#isStale && inFlight.bytes > 0) || mustRestart(rx, isKnown, inFlight)) {
        this.#last = rx;
        const others = inFlight.all();
        const make = this.#renumber(rx, isFresh);
        this.#serial.run(() => (this.#writer ? this.#writer.replace(rx, others, make) : make()), this.#add);
      } else {
        const refit = this.#writer?.refit(rx);
        if (refit) this.#serial.run(refit, (batches) => inFlight.swap(batches));
      }
      this.#isStale = false;
      this.#serial.whenIdle(ready);
    });
  }

  /**
   * Marks the batches as encoded with a codec that the other side does not support: {@link resume}
   * encodes them anew.
   */
  outdate(): void {
    this.#isStale = true;
  }

  /**
   * Uses a connection, whose other side has accepted all messages up to `rx`, and reports the
   * messages that it does not process if `reportsOutcomes`.
   */
  attach(transport: BatchTransport, rx: number, allowance: Allowance, reportsOutcomes: boolean): void {
    this.#transport = transport;
    this.inFlight.reportsOutcomes = reportsOutcomes;
    this.inFlight.attach(transport, rx, allowance);
    this.flush();
  }

  detach(): void {
    this.#transport = undefined;
    this.inFlight.detach();
  }

  /** Calls back when no message is being stored. */
  whenWritten(then: () => void): void {
    if (this.#writer) this.#writer.whenWritten(then);
    else then();
  }

  /**
   * Takes the error of a connection that the other side has closed because of a frame. Returns
   * whether to connect again, also if the close code is final.
   */
  blame(error: ConnectionLostError): boolean {
    return this.#writer?.blame(error) === true;
  }

  /**
   * Ends the session: drops the pending messages, except those that the next owner of the store
   * will find.
   */
  abandon(): void {
    this.pending.abandon(this.#writer?.storedIds());
  }

  /** @throws {ProtocolError} When `done` was never sent. */
  acknowledge(ack: Ack): void {
    const latency = this.inFlight.acknowledge(ack);
    if (latency !== undefined) {
      this.#report({ kind: 'latency', latency });
      this.#writer?.trim(this.inFlight.acked);
    }
    this.flush();
  }

  /** Reports the latency of a ping; `undefined` if an ack has answered none. */
  pingAnswered(latency: number | undefined): void {
    if (latency === undefined) return;
    this.inFlight.noteProgress();
    this.#report({ kind: 'latency', latency });
  }

  readonly #contextOf = (first: number, count: number): BatchContext => {
    const { sends: direction, pid } = this.#parts;
    return { direction, pid: pid(), first, count };
  };

  readonly #add = (batches: readonly Batch[]): void => {
    for (const batch of batches) {
      this.#last = Math.max(this.#last, lastOf(batch));
      this.inFlight.add(batch);
    }
  };

  /**
   * Sends at-most-once messages while there is a connection, in order: without a number, and never
   * again.
   */
  #sendUnnumbered(): void {
    while (this.#transport && !this.#isEncoding) {
      const messages = this.#queue.takeUnnumbered(MAX_BATCH);
      if (messages.length === 0) return;
      const encoded = this.#encode(messages, 0);
      if (!isObservable(encoded)) this.#sendOnce(encoded);
      else {
        this.#isEncoding = true;
        const end = (bodies: readonly Encoded[]): void => {
          this.#isEncoding = false;
          this.#sendOnce(bodies);
          this.#sendUnnumbered();
        };
        this.#parts.wait(
          () => encoded,
          end,
          () => end([]),
        );
      }
    }
  }

  #sendOnce(encoded: readonly Encoded[]): void {
    for (const { messages, body } of encoded) {
      this.#transport?.sendFrame(batchFrame(0, messages.length, body));
      for (const { id } of messages) {
        if (this.#transport) this.pending.close(id, 'sent');
        else this.pending.drop(id, 'closed');
      }
    }
  }

  /** Numbers and sends the messages for which there is room. */
  #sendNumbered(): void {
    if (this.#isNumbering) return;
    this.#isNumbering = true;
    this.inFlight.flush();
    while (!this.#queue.isEmpty() && !this.#serial.isBusy) {
      const free = this.#room();
      if (free <= 0) break;
      this.#number(free);
      this.inFlight.flush();
    }
    this.#isNumbering = false;
  }

  /** Numbers at most `free` messages. Dropped messages get numbers without messages. */
  #number(free: number): void {
    const next = this.#last + 1;
    const dropped = this.#queue.takeDropped(free);
    if (dropped > 0) {
      const batches = [hole(next, dropped)];
      if (this.#writer) this.#store(() => batches);
      else this.#add(batches);
      return;
    }
    const { messages, delivery } = this.#queue.take(free);
    if (messages.length === 0) return;
    if (this.#writer) {
      this.#store(() => chain(this.#encode(messages, next), (encoded) => numbered(encoded, delivery)));
      return;
    }
    const encoded = this.#encode(messages, next);
    if (isObservable(encoded)) this.#serial.run(() => chain(encoded, (bodies) => numbered(bodies, delivery)), this.#add);
    else this.#add(numbered(encoded, delivery));
  }

  #store(make: MakeBatches): void {
    this.#serial.run(() => (this.#writer as OutboxWriter).append(make), this.#add);
  }

  /**
   * Returns how many messages may be numbered. With a persistent store, messages are numbered at
   * once; otherwise, when they can be sent.
   */
  #room(): number {
    const { store } = this.#parts;
    const { bytes, count } = this.inFlight;
    const free = bytes < store.maxBytes ? store.maxMessages - count : 0;
    return Math.min(MAX_BATCH, free, store.isDurable ? free : this.inFlight.room(this.#last));
  }

  /**
   * Takes all messages that can be sent again, to give them numbers from `rx` on. They are encoded
   * anew, as a body belongs to its numbers.
   */
  #renumber(rx: number, isFresh: boolean): MakeBatches {
    const { acked, sent } = this.inFlight;
    const again: { readonly messages: readonly Message[]; readonly delivery: NumberedDelivery }[] = [];
    for (const batch of this.inFlight.clear(rx)) {
      const { first, messages, delivery } = batch;
      const unacked = messages.slice(Math.max(0, acked + 1 - first)).filter(({ id }) => this.pending.byId.has(id));
      if (delivery === 'exactly-once' && lastOf(batch) <= sent && !isFresh) {
        for (const { id } of unacked) this.pending.close(id, 'dead', { error: new InDoubtError(id) });
      } else if (this.#writer?.mustSplit(batch)) again.push(...unacked.map((message) => ({ messages: [message], delivery })));
      else if (unacked.length > 0) again.push({ messages: unacked, delivery });
    }
    const batches: Batch[] = [];
    let last = rx;
    const add = ({ messages, delivery }: (typeof again)[number]): MaybeAsync<void> =>
      chain(this.#encode(messages, last + 1), (encoded) => {
        batches.push(...numbered(encoded, delivery));
        last += countOf(encoded);
      });
    return () => chain(forEachInOrder(again, add), () => batches);
  }
}

/** Returns whether the numbers of the other side do not match those of this side. */
function mustRestart(rx: number, isKnown: boolean, { acked, sent }: InFlight): boolean {
  // A store may be out of date, as Web Storage writes with a delay between processes: then it does
  // not know all numbers that were sent.
  return rx < acked || rx > sent || !(isKnown || sent === 0);
}
