import { asapScheduler, Observable, Subject, using, type Observer, type SchedulerLike, type Subscription, type Unsubscribable } from 'rxjs';
import {
  ConnectionLostError,
  InvalidMessageError,
  MessageDroppedError,
  RxwireError,
  UndeliveredError,
  WireClosedError,
} from '../errors.js';
import { countViews } from '../internal/internalSubscriptions.js';
import { asObservable } from '../internal/maybeAsync.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { ABANDONED, ABNORMAL, NORMAL } from '../link/closeCode.js';
import type { Link } from '../link/link.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import { claim } from '../session/receive/delivery.js';
import type { OutgoingMessages, Report, SessionEvent } from '../session/sessionEvents.js';
import type { DeadLetter, DeadLetterStore } from '../session/store/deadLetterStore.js';
import { memoryDeadLetters } from '../session/store/memoryDeadLetters.js';
import { createTraffic, StateTracker, type ConnectionState, type ConnectionStatus, type Traffic } from './connectionState.js';
import { addLoss, isOverflow, withLosses, type Losses } from './overflowLosses.js';
import { createUnseenFailures, type UnseenFailures } from './unseenFailures.js';
import { rejectUnreceived } from './unreceived.js';
import { ReceiptTracker } from './receiptTracker.js';
import { Subscribers, type WireSubscriptions } from './subscribers.js';

/** The parts of a wire that its link uses. */
export interface WireParts {
  readonly listening: {
    /** Calls back once, a microtask after the wire has had a subscriber. */
    whenSubscribed(callback: () => void): void;
  };
  /** Returns whether receipts are of use. */
  readonly isWatched: () => boolean;
  /** Returns whether receipts of the steps before the last one are of use. */
  readonly followsSteps: () => boolean;
  readonly traffic: Traffic;
  readonly report: Report;
  /** Stores a message that could not be processed in `deadLetters` of the wire. */
  readonly keep: (letter: DeadLetter) => Observable<void>;
}

export interface WaitOptions {
  /**
   * The step of the message to wait for. Without a durable outbox there is no `stored`: then this
   * waits for the last receipt.
   * @default 'acked'
   */
  readonly until?: 'stored' | 'acked';
}

/** The parts of a wire. */
export interface WireSetup {
  readonly id: string;
  /** Returns the name of the transport in use: each connection may have another one. */
  protocol(): string;
  readonly endpoint: string;
  /** Whether the platform reports that there is no network. @default not known */
  readonly isOffline?: boolean;
  /** Emits when `isOffline` may have changed. */
  readonly signals$?: Observable<unknown>;
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
  readonly #traffic = createTraffic();
  readonly #subscribers: Subscribers;
  #connection: Unsubscribable | undefined;
  #isOver = false;
  readonly #stateTracker: StateTracker;
  /** Each of these is created when it is first used. */
  #receipts$: Subject<Receipt> | undefined;
  #failures$: Subject<Receipt> | undefined;
  #errors$: Subject<RxwireError> | undefined;
  #latency$: Subject<number> | undefined;
  #receiptTracker: ReceiptTracker | undefined;
  #deadLetters: DeadLetterStore | undefined;
  /**
   * The messages of the session, once there is one. For functions that are imported separately.
   *
   * @internal
   */
  session: OutgoingMessages | undefined;
  #isEnding = false;
  #leavesUnacked = false;
  /** The error that has ended the wire. */
  #endCause: unknown;
  readonly #isLoss: WireSetup['isLoss'];
  /** Created at the first loss. */
  #losses: Losses | undefined;
  /**
   * The failures that the program does not see; `undefined` for the wire of a server. For functions
   * that are imported separately.
   *
   * @internal
   */
  readonly unseen: UnseenFailures | undefined;

  constructor(setup: WireSetup) {
    const { id, delivery, scheduler = steadyScheduler(), microtask = asapScheduler, isLoss } = setup;
    super();
    this.id = id;
    this.delivery = delivery;
    this.#isLoss = isLoss;
    const isShown = (id?: string): boolean =>
      countViews(this.#errors$, id) + countViews(this.#failures$, id) + countViews(this.#receipts$, id) > 0;
    this.unseen = isLoss && createUnseenFailures(scheduler, isShown, () => this.#isEnding);
    this.#deadLetters = setup.deadLetters;
    this.#subscribers = new Subscribers(microtask);
    this.#stateTracker = new StateTracker(setup, this.#traffic, scheduler);

    const parts: WireParts = {
      listening: this.#subscribers,
      isWatched: () => this.#receipts$?.observed || !!this.#receiptTracker?.ends || !!this.#receiptTracker?.followers.size,
      followsSteps: () => this.#receipts$?.observed || (!!this.#receiptTracker?.followsSteps && this.#receiptTracker.followers.size > 0),
      traffic: this.#traffic,
      report: this.#report,
      keep: this.#keep,
    };
    const to: Observer<Message> = {
      next: (message) => {
        this.#traffic.messagesReceived++;
        if (this.#leavesUnacked) claim(message)?.abandon();
        else if (!this.observed) {
          rejectUnreceived(message, this, scheduler);
          return;
        }
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- as `super.next`, which creates a closure and an iterator
        for (const observer of [...this.observers]) observer.next(message);
      },
      error: (error: unknown) => this.error(withLosses(error, this.#losses)),
      complete: () => {
        if (this.#losses) {
          this.error(new UndeliveredError(this.#losses));
          return;
        }
        this.#end('disconnected', NORMAL);
        super.complete();
      },
    };
    const opened = setup.open(parts, to);
    if (typeof opened === 'function')
      this.#connection = opened(new Observable((outgoing) => void (this.#outgoing = outgoing))).subscribe(to);
    else this.#connection = this.#outgoing = opened;
    if (this.#isOver) this.#connection.unsubscribe();
  }

  /**
   * Emits the state now, at each change, and each second while its counters change. Completes after
   * the end of the wire.
   */
  get state$(): Observable<ConnectionState> {
    return this.#stateTracker.states();
  }

  /** Emits a receipt for each step of each message that is sent. Completes with the wire. */
  get receipts$(): Observable<Receipt> {
    return (this.#receipts$ ??= this.#createSubject()).asObservable();
  }

  /**
   * Emits the receipt of each message that was given up, with its `error`. Completes with the wire.
   *
   * Unlike a subscriber of `receipts$`, a subscriber of `failures$` does not wait for acks: they
   * may still be sent together with other messages.
   */
  get failures$(): Observable<Receipt> {
    return (this.#failures$ ??= this.#createSubject()).asObservable();
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
    return (this.#errors$ ??= this.#createSubject()).asObservable();
  }

  /**
   * Emits the latency of each ack, in ms: the time since the message, or the ping of the session,
   * was sent. One ack may be for many messages; then it is the latency of the latest. A subscriber
   * does not change what is sent, nor when. Completes with the wire.
   */
  get latency$(): Observable<number> {
    return (this.#latency$ ??= this.#createSubject()).asObservable();
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
    return (this.#deadLetters ??= memoryDeadLetters());
  }

  /**
   * Emits the subscriptions to the wire, and the types that they select: now, and at each change.
   * Completes with the wire.
   */
  get subscriptions$(): Observable<WireSubscriptions> {
    return this.#subscribers.subscriptions();
  }

  /** The state of the wire now. */
  get state(): ConnectionState {
    return this.#stateTracker.snapshot();
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
      this.#refuse(
        String(id),
        new InvalidMessageError(
          'message',
          `must be an object with an id, as createMessage returns it, got ${given === null ? 'null' : typeof given}`,
        ),
      );
      return;
    }
    if (this.#isEnding) {
      // The pending message still gets its own last receipt.
      if (!this.isPending(id)) this.#refuse(id, new WireClosedError(id, this.#endCause));
      return;
    }
    this.#traffic.messagesSent++;
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
    const receipt = this.#tracker().end(String((message as Partial<M> | null | undefined)?.id), until);
    this.next(message);
    return receipt;
  }

  /**
   * Emits the receipts of one message: the current one, if the message was sent already, then each
   * further one. Completes after the last receipt, or with the wire.
   *
   * From the first call on, the wire remembers the last receipts of at least the latest 500
   * messages. For an unknown id, this waits: the message may be sent later.
   *
   * @example
   * import { connect, createMessage, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * const message = createMessage('system.ping', { timestamp: 0 });
   * wire.next(message);
   * wire.messageState(message.id).subscribe(({ status }) => console.log(status));
   * // prints: queued
   * // prints: sent
   * // prints: acked
   */
  messageState(id: string): Observable<Receipt> {
    return this.#tracker().state(id);
  }

  /**
   * Sends the remaining messages, waits for their acks, then closes the wire. The wire completes
   * when all messages were delivered. Otherwise it ends with an error:
   *
   * - a {@link DrainTimeoutError}, when messages are left after `drainTimeout`;
   * - an {@link UndeliveredError}, when the server ends the session while messages are left, or
   *   when the queue had no room for a message that was sent by `next`, or the outbox did not store
   *   it. A message that is dropped by an `overflow` policy of your choice is no error.
   *
   * A message that was given up for another reason, as one that cannot be encoded, is in `errors$`
   * and `failures$` only.
   *
   * A wire of a server completes in any case, and reports the error in `errors$`.
   */
  override complete(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#stateTracker.change('disconnecting');
    this.#outgoing?.complete();
  }

  /** Reports an error in `errors$`, for code around the wire, as a middleware. */
  report(error: RxwireError): void {
    this.#report({ kind: 'error', error });
  }

  /** Closes the wire at once; subscribers receive the error. */
  override error(error: unknown): void {
    // A subscriber that passes the error back, as a `reply` whose subscriber is the wire.
    if (this.#isOver) this.unseen?.received(-1);
    this.#end('error', ABANDONED, { error });
    super.error(error);
  }

  /** Closes the wire at once; subscribers receive nothing more. */
  override unsubscribe(): void {
    this.#end('disconnected', ABANDONED);
    super.unsubscribe();
  }

  override subscribe(observer?: Partial<Observer<M>> | ((message: M) => void) | null): Subscription;
  override subscribe(...args: [Partial<Observer<M>>?]): Subscription {
    const subscription = super.subscribe(...args);
    this.#subscribers.add(subscription);
    if (this.#isOver) this.unseen?.received(1);
    return subscription;
  }

  /**
   * From now on, leaves the received messages unacked: one of the subscribers has failed, and would
   * not receive them. The next session delivers them again.
   */
  protected leaveUnacked(): void {
    this.#leavesUnacked = true;
  }

  /** Stores a dead letter, and reports the letters that the store evicts meanwhile. */
  readonly #keep = (letter: DeadLetter): Observable<void> =>
    using(
      () => this.deadLetters.dropped$.subscribe(({ message }) => this.report(new MessageDroppedError(message.id, 'evicted'))),
      () => asObservable(() => this.deadLetters.add(letter)),
    );

  #createSubject<T>(): Subject<T> {
    const created$ = new Subject<T>();
    if (this.#isOver) created$.complete();
    return created$;
  }

  #tracker(): ReceiptTracker {
    const tracker = (this.#receiptTracker ??= new ReceiptTracker(this));
    if (this.#isOver) tracker.close(this.#endCause);
    return tracker;
  }

  /** Reports a message that cannot be sent. */
  #refuse(id: string, error: RxwireError): void {
    this.#report({ kind: 'receipt', receipt: { id, status: 'dead', error } });
    this.#report({ kind: 'error', error });
  }

  /**
   * @param closeCode The code that closes the connection, if there is one, and the failure has
   *   none.
   */
  #end(status: ConnectionStatus, closeCode: number, failure?: { readonly error: unknown }): void {
    if (this.#isOver) return;
    this.unseen?.end(failure, countViews(this) + (this.#receiptTracker?.followers.size ?? 0), closeCode === ABANDONED && !failure);
    this.#isOver = this.#isEnding = true;
    this.#endCause = failure?.error;
    this.#connection?.unsubscribe();
    if (failure) this.#report({ kind: 'error', ...failure });
    this.#stateTracker.end(status, closeCode, failure);
    this.#receiptTracker?.close(this.#endCause);
    this.#subscribers.close();
    this.#receipts$?.complete();
    this.#failures$?.complete();
    this.#latency$?.complete();
    this.#errors$?.complete();
  }

  /**
   * Counts a message that was lost, unless the application follows its receipts, which report the
   * loss.
   */
  #noteLoss({ id, status, error }: Receipt): void {
    if (!error || this.#receiptTracker?.followers.has(id)) return;
    const isLoss = this.#isLoss?.(error) === true;
    if (isLoss) this.#losses = addLoss(id, this.#losses);
    // The error at the end of the wire reports an overflow. A policy may drop messages.
    if (status === 'dead' && (isLoss ? countViews(this) === 0 : !isOverflow(error))) this.unseen?.add(id, error);
  }

  readonly #report = (event: SessionEvent): void => {
    if (event.kind === 'receipt') {
      const { error } = event.receipt;
      if (error instanceof MessageDroppedError) error.explain(this.#endCause);
      if (error) this.#noteLoss(event.receipt);
      this.#receiptTracker?.next(event.receipt);
      this.#receipts$?.next(event.receipt);
      if (error) this.#failures$?.next(event.receipt);
      return;
    }
    if (event.kind === 'latency') {
      this.#traffic.latency = event.latency;
      this.#latency$?.next(event.latency);
      return;
    }
    if (event.kind === 'begun') this.session = event;
    if ('error' in event) this.#traffic.errors++;
    this.#stateTracker.watch(event);
    if ('error' in event) this.#errors$?.next(asRxwireError(event.error));
  };
}

/** Wraps an error of other code, as of a custom link. */
function asRxwireError(error: unknown): RxwireError {
  return error instanceof RxwireError ? error : new ConnectionLostError(ABNORMAL, String(error), false, error);
}
