import { asyncScheduler, BehaviorSubject, defer, delay, asapScheduler, Subject, type Observable, type Observer, Subscription } from 'rxjs';
import { ConnectionLostError, RxwireError, WireClosedError } from '../errors.js';
import { ABNORMAL } from '../link/closeCode.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import type { OutgoingMessages, SessionEvent } from '../session/events.js';
import { createStateKeeper, type ConnectionState, type ConnectionStatus } from './connectionState.js';
import { createSubscribers, type WireSubscriptions } from './subscribers.js';
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
  /** How the wire is: now, at each change, and each second while its counters move. Completes after its end. */
  readonly state$: Observable<ConnectionState>;
  /** What becomes of each message that was sent, step by step. Completes with the wire. */
  readonly receipts$: Observable<Receipt>;
  /** Every failure, whether or not the wire survives it; branch on `code`. Completes with the wire. */
  readonly errors$: Observable<RxwireError>;
  /** Who is subscribed to the wire, and what they want of it: now, and at each change. Completes with the wire. */
  readonly subscriptions$: Observable<WireSubscriptions>;

  readonly #outgoing$ = new Subject<Message>();
  readonly #listening$ = new BehaviorSubject(false);
  readonly #receipts$ = new Subject<Receipt>();
  readonly #errors$ = new Subject<RxwireError>();
  readonly #traffic = noTraffic();
  readonly #subscribers = createSubscribers();
  readonly #connection = new Subscription();
  readonly #keeper: ReturnType<typeof createStateKeeper>;
  /** Made when somebody wants to know what becomes of a message. */
  #tracks: Tracks | undefined;
  #session: OutgoingMessages | undefined;
  #isEnding = false;

  constructor(setup: WireSetup) {
    const { id, delivery, scheduler = asyncScheduler, microtask = asapScheduler, open } = setup;
    super();
    this.id = id;
    this.delivery = delivery;
    this.#keeper = createStateKeeper(setup, this.#traffic, scheduler);
    this.state$ = this.#keeper.state$;
    this.receipts$ = this.#receipts$.asObservable();
    this.errors$ = this.#errors$.asObservable();
    this.subscriptions$ = this.#subscribers.subscriptions$;

    const link = open({
      // Not at once: further subscribers of the same moment must not miss what waited.
      listening$: defer(() => this.#listening$.pipe(delay(0, microtask))),
      isWatched: () => this.#receipts$.observed || this.#tracks?.isWatched() === true,
      traffic: this.#traffic,
      report: (event) => this.#report(event),
    });
    this.#connection.add(
      link(this.#outgoing$).subscribe({
        next: (message) => {
          this.#traffic.messagesReceived++;
          super.next(message);
        },
        error: (error: unknown) => this.error(error),
        complete: () => {
          this.#end('disconnected');
          super.complete();
        },
      }),
    );
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
    this.#outgoing$.next(message);
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
    this.#outgoing$.complete();
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
    if (!this.#listening$.value) this.#listening$.next(true);
    return subscription;
  }

  #track(): Tracks {
    this.#tracks ??= createTracks(() => this.#session, this.#connection.closed);
    return this.#tracks;
  }

  #end(status: ConnectionStatus, failure?: { readonly error: unknown }): void {
    if (this.#connection.closed) return;
    this.#isEnding = true;
    this.#connection.unsubscribe();
    if (failure) this.#report({ kind: 'error', ...failure });
    this.#keeper.end(status, failure);
    this.#tracks?.close();
    this.#subscribers.close();
    this.#receipts$.complete();
    this.#errors$.complete();
  }

  #report(event: SessionEvent): void {
    if (event.kind === 'receipt') {
      this.#traffic.latency = event.receipt.latency ?? this.#traffic.latency;
      this.#tracks?.next(event.receipt);
      this.#receipts$.next(event.receipt);
      return;
    }
    if (event.kind === 'begun') this.#session = event;
    if (event.kind === 'latency') this.#traffic.latency = event.latency;
    if ('error' in event) this.#traffic.errors++;
    this.#keeper.watch(event);
    if ('error' in event) this.#errors$.next(asRxwireError(event.error));
  }
}

function asRxwireError(error: unknown): RxwireError {
  return error instanceof RxwireError ? error : new ConnectionLostError(ABNORMAL, String(error), false, error);
}
