import { Observable, Subject, type Observer, type SchedulerLike, type Subscription, type Unsubscribable } from 'rxjs';
import type { SendingLimits } from '../codec/codec.js';
import type { ReceiptInterest } from '../core/receiptInterest.js';
import {
  ConnectionLostError,
  InvalidMessageError,
  MessageDroppedError,
  RxwireError,
  UndeliveredError,
  WireClosedError,
} from '../message/errors.js';
import { noteAfterEnd, noteSent, noteUnsubscribed } from '../message/development.js';
import { countViews } from './internalSubscriptions.js';
import { asObservable } from '../message/maybeAsync.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import { ABANDONED, ABNORMAL, NORMAL } from '../message/closeCode.js';
import type { Link } from '../io/link.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import { claim } from './session/messageClaim.js';
import type { OutgoingMessages, SessionEvent } from './session/sessionEvents.js';
import type { DeadLetter, DeadLetterStore } from '../stores/deadLetterStore.js';
import { memoryDeadLetters } from '../stores/memoryDeadLetters.js';
import {
  createTraffic,
  StateTracker,
  type ConnectionState,
  type ConnectionStatus,
  type Identity,
  type Traffic,
} from './connectionState.js';
import { addLoss, isOverflow, withLosses, type Losses, createUnseenFailures, type UnseenFailures } from './unseenFailures.js';
import { ReceiptTracker } from './receiptTracker.js';
import { refusalOf, rejectUnreceived, Subscribers } from './subscribers.js';

export interface WaitOptions {
  /**
   * The step of the message to wait for. Without a durable outbox there is no `stored`: then this
   * waits for the last receipt.
   * @default 'acked'
   */
  readonly until?: 'stored' | 'acked';
}

/** The parts of a wire that its link uses. */
export interface WireParts extends ReceiptInterest {
  readonly traffic: Traffic;
  /** Calls back once, a microtask after the wire has had a subscriber. */
  whenSubscribed(callback: () => void): void;
  /** Takes an event of the session. */
  report(event: SessionEvent): void;
  /** Stores a message that could not be processed in `deadLetters` of the wire. */
  deadLetter(letter: DeadLetter): Observable<void>;
}

/** The parts of a wire. */
export interface WireSetup extends Identity {
  readonly delivery: Delivery;
  /** The store of the messages that could not be processed. @default memoryDeadLetters() */
  readonly deadLetters?: DeadLetterStore | undefined;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike | undefined;
  /**
   * Returns whether the end of the wire is an error because a message was given up for this reason.
   * @default none is: the wire completes
   */
  readonly isLoss?: (error: Error) => boolean;
  /**
   * Makes the link for messages; or begins a session without one, whose messages and end go to
   * `to`. The wire unsubscribes the session when it ends.
   */
  open(parts: WireParts, to: Observer<Message>): Link<Message> | (Observer<Message> & Unsubscribable);
}

/**
 * The transport Subject: `next` sends, `subscribe` receives, `complete` drains and closes. {@link
 * connect} and `listen` create wires, which connect at once. `M` is the union of its messages, see
 * {@link MessageIn}.
 *
 * Messages that arrive before the first subscriber wait for it. `error` and `unsubscribe` close the
 * wire at once, without draining.
 */
export class Wire<M extends Message = Message> extends Subject<M> {
  // A wire with a map of its own is a wire, too, for functions that take any.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a field of RxJS
  declare observers: Observer<any>[];
  /** Identifies the wire. It becomes the `source` of messages that are sent without one. */
  readonly id: string;
  readonly delivery: Delivery;
  /**
   * At a server: how it sends to all of its clients.
   *
   * @internal
   */
  declare readonly sendingLimits?: SendingLimits;
  /**
   * At a server: 16 characters that identify the outbox of the client, also after its session was
   * lost. They do not reveal the `pid`. Undefined if the client has none.
   *
   * @internal
   */
  get publisher(): string | undefined {
    return undefined;
  }

  /** Takes the messages to be sent. */
  #outgoing: Observer<Message> | undefined;
  readonly #receiver: WireReceiver;
  /**
   * The failures that the program does not see; `undefined` for the wire of a server. For functions
   * that are imported separately.
   *
   * @internal
   */
  readonly unseen: UnseenFailures | undefined;

  constructor(setup: WireSetup) {
    super();
    ({ id: this.id, delivery: this.delivery } = setup);
    const receiver = (this.#receiver = new WireReceiver(this, setup));
    this.unseen = receiver.unseen;
    const opened = setup.open(receiver, receiver);
    if (typeof opened === 'function')
      receiver.sending = opened(new Observable((outgoing) => void (this.#outgoing = outgoing))).subscribe(receiver);
    else receiver.sending = this.#outgoing = opened;
    if (receiver.isOver) receiver.sending.unsubscribe();
  }

  /**
   * The messages of the session, once there is one. For functions that are imported separately.
   *
   * @internal
   */
  get session(): OutgoingMessages | undefined {
    return this.#receiver.session;
  }

  /**
   * Emits the state now, at each change, and each second while its counters change. Completes after
   * the end of the wire.
   */
  get state$(): Observable<ConnectionState> {
    return this.shown(this.#receiver.state.states());
  }

  /** Emits a receipt for each step of each message that is sent. Completes with the wire. */
  get receipts$(): Observable<Receipt> {
    return this.#stream('receipts$');
  }

  /**
   * Emits the receipt of each message that was given up, with its `error`. Completes with the wire.
   *
   * Unlike a subscriber of `receipts$`, a subscriber of `failures$` does not wait for acks: they
   * may still be sent together with other messages.
   */
  get failures$(): Observable<Receipt> {
    return this.#stream('failures$');
  }

  /**
   * Returns whether a message was sent, and is neither acked nor given up. At-most-once: whether it
   * waits to be sent.
   */
  isPending(id: string): boolean {
    return this.session?.pending.has(id) === true;
  }

  /**
   * The number of messages that wait to be sent: for a connection, or because the other side does
   * not take more at present.
   */
  get queued(): number {
    return this.session?.queued() ?? 0;
  }

  /** The number of messages that can be sent now before the queue of the wire overflows. */
  get room(): number {
    return this.session?.room() ?? Infinity;
  }

  /**
   * Emits all errors, also those that do not end the wire; `code` identifies the kind of error.
   * Completes with the wire.
   */
  get errors$(): Observable<RxwireError> {
    return this.#stream('errors$');
  }

  /**
   * Emits the latency of each ack, in ms: the time since the message, or the ping of the session,
   * was sent. One ack may be for many messages; then it is the latency of the latest. A subscriber
   * does not change what is sent, nor when. Completes with the wire.
   */
  get latency$(): Observable<number> {
    return this.#stream('latency$');
  }

  /**
   * The messages of this wire that could not be processed, with the reasons. By default the latest
   * 1,000, in memory; the wires of a server share one store. `errors$` reports the letters that a
   * full store evicts.
   *
   * @example
   * import { connect, replayDeadLetters, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * wire.deadLetters.list().subscribe(({ message, reason }) => console.warn(message.type, reason));
   * replayDeadLetters(wire.deadLetters, ({ payload }) => console.log(payload)).subscribe();
   */
  get deadLetters(): DeadLetterStore {
    return this.#receiver.deadLetters;
  }

  /**
   * The subscriptions to the wire. For functions that are imported separately.
   *
   * @internal
   */
  get subscribers(): Subscribers {
    return this.#receiver.subscribers;
  }

  /** The state of the wire now. */
  get state(): ConnectionState {
    return this.#receiver.state.snapshot();
  }

  /**
   * Sends a message as soon as there is a connection. The message belongs to the wire from now on:
   * it is encoded later, and must not change.
   *
   * A value that is no message is reported in `errors$`, as an `InvalidMessageError`.
   */
  override next(message: M): void {
    const given: unknown = message;
    const id: unknown = (given as Partial<M> | null | undefined)?.id;
    if (typeof id !== 'string') {
      const got = given === null ? 'null' : typeof given;
      const rule = `must be an object with an id, as createMessage returns it, got ${got}`;
      this.#receiver.refuse(String(id), new InvalidMessageError('message', rule));
      return;
    }
    if (this.#receiver.isEnding) {
      if (this.closed) noteAfterEnd(id);
      // The pending message still gets its own last receipt.
      if (!this.isPending(id)) this.#receiver.refuse(id, new WireClosedError(id, this.#receiver.endCause));
      return;
    }
    noteSent(message, this);
    this.#receiver.traffic.messagesSent++;
    this.#outgoing?.next(message);
  }

  /**
   * Sends a message. Resolves when the other side has processed it; for at-most-once, when it was
   * sent. With `until: 'stored'`, resolves as soon as a durable outbox keeps the message: from then
   * on the process may end. Later failures of the message are in `errors$`.
   *
   * @throws {RxwireError} Rejects with the reason, when the message is given up: with
   *   `ERR_DROPPED`, when the wire ends before; with `ERR_WIRE_CLOSED`, when the wire has ended
   *   already, or a durable outbox keeps the message; with `ERR_NOT_ENCRYPTED`, when it says that
   *   it is encrypted and is not. A rejection that is not caught does not end the
   *   process; the wire reports the lost messages as one uncaught error.
   * @example
   * import { connect, createMessage, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * await wire.send(createMessage('chat.said', { room: 'lobby', text: 'hello' }));
   */
  send(message: M, { until = 'acked' }: WaitOptions = {}): Promise<Receipt> {
    const receipt = this.#receiver.tracker().end(String((message as Partial<M> | null | undefined)?.id), until);
    this.next(message);
    return receipt;
  }

  /**
   * Sends the remaining messages, waits for their acks, and for the answers to `send` of channels,
   * then closes the wire. The wire completes when all messages were delivered. Otherwise it ends
   * with an error:
   *
   * - a {@link DrainTimeoutError}, when messages are left after `drainTimeout`;
   * - an {@link UndeliveredError}, when the server ends the session while messages are left, or
   *   when the queue had no room for a message that was sent by `next`, the outbox did not store
   *   it, or the server has no hub for it. A message that is dropped by an `overflow` policy of
   *   your choice is no error;
   * - a {@link StoreError}, when the outbox was not opened within `drainTimeout`.
   *
   * A message that was given up for another reason, as one that cannot be encoded, is in `errors$`
   * and `failures$` only.
   *
   * A wire of a server completes in any case, and reports the error in `errors$`.
   */
  override complete(): void {
    if (this.#receiver.isEnding) return;
    this.#receiver.isEnding = true;
    this.#receiver.state.change('disconnecting');
    this.#outgoing?.complete();
  }

  /** Reports an error in `errors$`, for code around the wire, as a middleware. */
  report(error: RxwireError): void {
    this.#receiver.report({ kind: 'error', error });
  }

  /** Closes the wire at once; subscribers receive the error. */
  override error(error: unknown): void {
    // A subscriber that passes the error back, as a `reply` whose subscriber is the wire.
    if (this.#receiver.isOver) this.unseen?.received(-1);
    this.#receiver.end('error', ABANDONED, { error });
    super.error(error);
  }

  /**
   * Closes the wire at once; subscribers receive nothing more. Gives up the messages without an
   * ack: a development warning counts them, unless the program receives their failures.
   */
  override unsubscribe(): void {
    noteUnsubscribed(this, (id) => this.#receiver.isShown(id) || this.#receiver.tracker().followers.has(id));
    this.#receiver.end('disconnected', ABANDONED);
    super.unsubscribe();
  }

  override subscribe(observer?: Partial<Observer<M>> | ((message: M) => void) | null): Subscription;
  override subscribe(...args: [Partial<Observer<M>>?]): Subscription {
    const subscription = super.subscribe(...args);
    this.#receiver.subscribers.add(subscription);
    if (this.#receiver.isOver) this.unseen?.received(1);
    return subscription;
  }

  /**
   * Returns a stream of the wire for its subscribers. A wire of a server guards them. For functions
   * that are imported separately.
   *
   * @internal
   */
  shown<T>(stream: Observable<T>): Observable<T> {
    return stream;
  }

  /**
   * From now on, leaves the received messages unacked: one of the subscribers has failed, and would
   * not receive them. The next session delivers them again.
   */
  protected leaveUnacked(): void {
    this.#receiver.leavesUnacked = true;
  }

  #stream<T>(name: StreamName): Observable<T> {
    return this.shown(this.#receiver.stream<T>(name));
  }
}

type StreamName = 'receipts$' | 'failures$' | 'errors$' | 'latency$';

/** Receives for a wire: the messages of the other side, the events of the session, and its end. */
class WireReceiver implements WireParts, Observer<Message> {
  readonly traffic = createTraffic();
  readonly subscribers: Subscribers;
  readonly state: StateTracker;
  /** The failures that the program does not see; `undefined` for the wire of a server. */
  readonly unseen: UnseenFailures | undefined;
  session: OutgoingMessages | undefined;
  /** Whether the wire drains, or has ended: then its end reports the losses. */
  isEnding = false;
  isOver = false;
  /** Whether messages are left unacked: a subscriber has failed, and would not receive them. */
  leavesUnacked = false;
  endCause: unknown;
  /** The streams of the wire, each created when it is first used. */
  receipts$: Subject<Receipt> | undefined;
  failures$: Subject<Receipt> | undefined;
  errors$: Subject<RxwireError> | undefined;
  latency$: Subject<number> | undefined;
  /** The session, or the subscription to the link. */
  sending: Unsubscribable | undefined;
  readonly #wire: Wire;
  readonly #setup: WireSetup;
  readonly #scheduler: SchedulerLike;
  /** Each of these is created when it is first used. */
  #tracker: ReceiptTracker | undefined;
  #deadLetters: DeadLetterStore | undefined;
  #losses: Losses | undefined;

  constructor(wire: Wire, setup: WireSetup) {
    const { scheduler = steadyScheduler(), isLoss } = setup;
    this.#scheduler = scheduler;
    this.#wire = wire;
    this.#setup = setup;
    this.unseen = isLoss && createUnseenFailures(scheduler, this, isLoss);
    this.subscribers = new Subscribers(wire, setup.microtask);
    this.state = new StateTracker(setup, this.traffic, scheduler);
  }

  // ---- The streams of the wire

  stream<T>(name: StreamName): Observable<T> {
    const stream = ((this as unknown as Record<StreamName, Subject<T> | undefined>)[name] ??= new Subject());
    if (this.isOver) stream.complete();
    return stream.asObservable();
  }
  get deadLetters(): DeadLetterStore {
    return this.#setup.deadLetters ?? (this.#deadLetters ??= memoryDeadLetters());
  }
  tracker(): ReceiptTracker {
    const tracker = (this.#tracker ??= new ReceiptTracker(this));
    if (this.isOver) tracker.close(this.endCause);
    return tracker;
  }
  /**
   * Returns whether a stream of the wire shows the failure of a message to the program; without an
   * id, that of the wire.
   */
  isShown(id?: string): boolean {
    return countViews(this.errors$, id) + countViews(this.failures$, id) + countViews(this.receipts$, id) > 0;
  }

  // ---- The messages of the other side, and the end

  next(message: Message): void {
    this.traffic.messagesReceived++;
    const { observed } = this.#wire;
    if (this.leavesUnacked) claim(message)?.abandon();
    if (this.subscribers.emit(message) && !this.isEnding) this.#wire.next(refusalOf(message, this.#scheduler));
    if (!observed && !this.leavesUnacked) rejectUnreceived(message, this.#wire, this.#scheduler);
  }
  error(error: unknown): void {
    this.#wire.error(withLosses(error, this.#losses));
  }
  complete(): void {
    if (this.#losses) {
      this.#wire.error(new UndeliveredError(this.#losses));
      return;
    }
    this.end('disconnected', NORMAL);
    Subject.prototype.complete.call(this.#wire);
  }
  /** Ends all but the messages. @param closeCode The code of the connection, if there is one. */
  end(status: ConnectionStatus, closeCode: number, failure?: { readonly error: unknown }): void {
    if (this.isOver) return;
    this.unseen?.end(failure, countViews(this.#wire) + (this.#tracker?.followers.size ?? 0), closeCode === ABANDONED && !failure);
    this.isOver = this.isEnding = true;
    this.endCause = failure?.error;
    this.sending?.unsubscribe();
    if (failure) this.report({ kind: 'error', ...failure });
    this.state.end(status, closeCode, failure);
    this.#tracker?.close(this.endCause);
    for (const stream of [this.receipts$, this.failures$, this.latency$, this.errors$]) stream?.complete();
  }

  // ---- The session

  whenSubscribed(callback: () => void): void {
    this.subscribers.whenSubscribed(callback);
  }
  awaitsAcks(): boolean {
    return this.receipts$?.observed || !!this.#tracker?.followers.size;
  }
  awaitsSteps(): boolean {
    return this.receipts$?.observed || (!!this.#tracker?.awaitsSteps && this.#tracker.followers.size > 0);
  }
  /** Stores a dead letter, and reports the letters that the store evicts meanwhile. */
  deadLetter(letter: DeadLetter): Observable<void> {
    const evicted = ({ message }: DeadLetter): void => this.#wire.report(new MessageDroppedError(message.id, 'evicted'));
    // eslint-disable-next-line no-restricted-syntax -- as `using`, which brings two kilobytes
    return new Observable((to) => {
      to.add(this.deadLetters.dropped$.subscribe(evicted));
      to.add(asObservable(() => this.deadLetters.add(letter)).subscribe(to));
    });
  }
  report(event: SessionEvent): void {
    if (event.kind === 'receipt') {
      const { error } = event.receipt;
      if (error instanceof MessageDroppedError) error.explain(this.endCause);
      if (error) this.#noteLoss(event.receipt);
      this.#tracker?.next(event.receipt);
      this.receipts$?.next(event.receipt);
      if (error) this.failures$?.next(event.receipt);
      return;
    }
    if (event.kind === 'latency') {
      this.traffic.latency = event.latency;
      this.latency$?.next(event.latency);
      return;
    }
    if (event.kind === 'started') this.session = event.session;
    if ('error' in event) this.traffic.errors++;
    this.state.watch(event);
    if ('error' in event) this.errors$?.next(asRxwireError(event.error));
  }
  /** Reports a message that cannot be sent. */
  refuse(id: string, error: RxwireError): void {
    this.report({ kind: 'receipt', receipt: { id, status: 'dead', error } });
    this.report({ kind: 'error', error });
  }
  /** Counts a lost message, unless the application follows its receipts. */
  #noteLoss({ id, status, error }: Receipt): void {
    if (!error || this.#tracker?.followers.has(id)) return;
    const isLoss = this.#setup.isLoss?.(error) === true;
    if (isLoss) this.#losses = addLoss(id, this.#losses);
    // The error at the end of the wire reports an overflow. A policy may drop messages.
    if (status === 'dead' && (isLoss ? countViews(this.#wire) === 0 : !isOverflow(error))) this.unseen?.add(id, error);
  }
}

/** Wraps an error of other code, as of a custom link. */
function asRxwireError(error: unknown): RxwireError {
  return error instanceof RxwireError ? error : new ConnectionLostError(ABNORMAL, String(error), false, error);
}
