import { asapScheduler, asyncScheduler, Observable, Subject, type Observer, type Subscriber, type Subscription } from 'rxjs';
import { WireClosedError, type RxwireError } from '../errors.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import type { OutgoingMessages, SessionEvent } from '../session/sessionEvents.js';
import { asRxwireError } from './asRxwireError.js';
import { StateKeeper, type ConnectionState, type ConnectionStatus } from './connectionState.js';
import { Listening } from './listening.js';
import { Subscribers, type WireSubscriptions } from './subscribers.js';
import { createTracks, type Tracks } from './tracks.js';
import { noTraffic } from './traffic.js';
import type { WireParts, WireSetup } from './wireSetup.js';

export type { WireParts, WireSetup };

/**
 * The transport Subject: `next` sends, `subscribe` receives, `complete` drains and closes. It is made by {@link connect} or
 * by `listen`, and is open from then on.
 *
 * Messages that come before the first subscriber wait for it. `error` and `unsubscribe` let go at once, without draining.
 */
export class Wire extends Subject<Message> {
  /** Names this wire; `source` of what it sends, where that is empty. */
  readonly id: string;
  readonly delivery: Delivery;

  /** Takes what is sent. */
  #outgoing: Subscriber<Message> | undefined;
  readonly #listening: Listening;
  readonly #traffic = noTraffic();
  readonly #subscribers = new Subscribers();
  #connection: Subscription | undefined;
  #isOver = false;
  readonly #keeper: StateKeeper;
  /** These are made when somebody wants them. */
  #receipts$: Subject<Receipt> | undefined;
  #failures$: Subject<Receipt> | undefined;
  #errors$: Subject<RxwireError> | undefined;
  /** Made when somebody wants to know what becomes of a message. */
  #tracks: Tracks | undefined;
  #session: OutgoingMessages | undefined;
  #isEnding = false;

  constructor(setup: WireSetup) {
    const { id, delivery, scheduler = asyncScheduler, microtask = asapScheduler } = setup;
    super();
    this.id = id;
    this.delivery = delivery;
    this.#listening = new Listening(microtask);
    this.#keeper = new StateKeeper(setup, this.#traffic, scheduler);

    const link = setup.open({
      listening: this.#listening,
      isWatched: () => this.#receipts$?.observed || this.#tracks?.isWatched() === true,
      traffic: this.#traffic,
      report: (event) => this.#report(event),
    });
    const connection = link(new Observable((outgoing) => void (this.#outgoing = outgoing))).subscribe({
      next: (message) => {
        this.#traffic.messagesReceived++;
        super.next(message);
      },
      error: (error: unknown) => this.error(error),
      complete: () => {
        this.#end('disconnected');
        super.complete();
      },
    });
    if (this.#isOver) connection.unsubscribe();
    else this.#connection = connection;
  }

  /** How the wire is: now, at each change, and each second while its counters move. Completes after its end. */
  get state$(): Observable<ConnectionState> {
    return this.#keeper.states();
  }

  /** What becomes of each message that was sent, step by step. Completes with the wire. */
  get receipts$(): Observable<Receipt> {
    return (this.#receipts$ ??= this.#made()).asObservable();
  }

  /**
   * Emits the receipt of each message that was given up, with its `error`. Completes with the wire.
   *
   * Unlike a subscriber of `receipts$`, a subscriber of `failures$` does not wait for acks: they may still be sent together with other messages.
   */
  get failures$(): Observable<Receipt> {
    return (this.#failures$ ??= this.#made()).asObservable();
  }

  /** Returns whether a message was sent, and is neither acked nor given up. At-most-once: whether it waits to be sent. */
  isPending(id: string): boolean {
    return this.#session?.isOpen(id) === true;
  }

  /** Every failure, whether or not the wire survives it; branch on `code`. Completes with the wire. */
  get errors$(): Observable<RxwireError> {
    return (this.#errors$ ??= this.#made()).asObservable();
  }

  /** Who is subscribed to the wire, and what they want of it: now, and at each change. Completes with the wire. */
  get subscriptions$(): Observable<WireSubscriptions> {
    return this.#subscribers.subscriptions();
  }

  /** How the wire is now. */
  get state(): ConnectionState {
    return this.#keeper.snapshot();
  }

  /** Sends a message: it goes out as soon as there is a connection. */
  override next(message: Message): void {
    const { id } = message;
    if (this.#isEnding) {
      const error = new WireClosedError(id);
      this.#report({ kind: 'receipt', receipt: { id, status: 'dead', error } });
      this.#report({ kind: 'error', error });
      return;
    }
    this.#traffic.messagesSent++;
    this.#outgoing?.next(message);
  }

  /**
   * Sends a message, and tells when it is processed; at-most-once: when it was sent.
   *
   * @throws {RxwireError} Rejects with the reason, when it is given up: `ERR_DROPPED`, when the wire ends before. `ERR_WIRE_CLOSED`, when that has
   * ended already, or a durable outbox keeps the message. Who does not wait for it need not catch it.
   * @example
   * await wire.send(createMessage('chat.said', { room: 'lobby', text: 'hello' }));
   */
  send(message: Message): Promise<Receipt> {
    const receipt = this.#track().end(message.id);
    this.next(message);
    return receipt;
  }

  /**
   * What becomes of one message: where it is, when it is on its way already, then each step. Completes after the last one, or with the wire.
   *
   * From the first call on, the ends of the latest 500 messages at least are remembered. Of an id that nothing is known of, it waits: the message
   * may be still to come.
   *
   * @example
   * const message = createMessage('system.ping', { timestamp: 0 });
   * wire.next(message);
   * wire.messageState(message.id).subscribe(({ status }) => console.log(status));
   * // prints: queued
   * // prints: sent
   * // prints: acked
   */
  messageState(id: string): Observable<Receipt> {
    return this.#track().state(id);
  }

  /** Sends what is still to be sent, waits for its acks, then closes. */
  override complete(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#keeper.change('disconnecting');
    this.#outgoing?.complete();
  }

  /** Tells in `errors$` of a failure around this wire, as of a middleware of what it sends. */
  report(error: RxwireError): void {
    this.#report({ kind: 'error', error });
  }

  /** Lets go at once; subscribers get the error. */
  override error(error: unknown): void {
    this.#end('error', { error });
    super.error(error);
  }

  /** Lets go at once; subscribers get nothing more. */
  override unsubscribe(): void {
    this.#end('disconnected');
    super.unsubscribe();
  }

  override subscribe(observer?: Partial<Observer<Message>> | ((message: Message) => void) | null): Subscription;
  override subscribe(...args: [Partial<Observer<Message>>?]): Subscription {
    const subscription = super.subscribe(...args);
    this.#subscribers.add(subscription);
    this.#listening.begin();
    return subscription;
  }

  #made<T>(): Subject<T> {
    const made$ = new Subject<T>();
    if (this.#isOver) made$.complete();
    return made$;
  }

  #track(): Tracks {
    return (this.#tracks ??= createTracks(() => this.#session, this.#isOver));
  }

  #end(status: ConnectionStatus, failure?: { readonly error: unknown }): void {
    if (this.#isOver) return;
    this.#isOver = this.#isEnding = true;
    this.#connection?.unsubscribe();
    if (failure) this.#report({ kind: 'error', ...failure });
    this.#keeper.end(status, failure);
    this.#tracks?.close();
    this.#subscribers.close();
    this.#receipts$?.complete();
    this.#failures$?.complete();
    this.#errors$?.complete();
  }

  #report(event: SessionEvent): void {
    if (event.kind === 'receipt') {
      this.#traffic.latency = event.receipt.latency ?? this.#traffic.latency;
      this.#tracks?.next(event.receipt);
      this.#receipts$?.next(event.receipt);
      if (event.receipt.error) this.#failures$?.next(event.receipt);
      return;
    }
    if (event.kind === 'begun') this.#session = event;
    if (event.kind === 'latency') this.#traffic.latency = event.latency;
    if ('error' in event) this.#traffic.errors++;
    this.#keeper.watch(event);
    if ('error' in event) this.#errors$?.next(asRxwireError(event.error));
  }
}
