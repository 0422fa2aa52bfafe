import { noop, ReplaySubject, Subject, takeUntil, type Observable, type Observer, type Subscription } from 'rxjs';
import { WireClosedError } from '../../message/errors.js';
import { GuardedObservable, guardResult, type ObserverGuard } from './guardedObservable.js';
import { reportUnhandled } from '../../wire/reportUnhandled.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Presence } from '../../channels/memberList.js';

export interface ChannelParts {
  readonly name: string;
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  readonly publish: (message: Message) => void;
  readonly send: (message: Message) => Promise<ChannelPosition | undefined>;
  /**
   * Guards the subscribers of the messages and of the presence.
   *
   * @default RxJS reports their errors
   * @internal
   */
  readonly guard?: ObserverGuard;
}

/**
 * A channel as a Subject: `next` publishes, `subscribe` receives. `complete`, `error` and
 * `unsubscribe` end it for the subscribers of this object only.
 */
export class ChannelSubject<M extends Message = Message> extends Subject<M> {
  // A channel with a map of its own is a channel, too, for functions that take any.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a field of RxJS, which nothing reads
  declare observers: Observer<any>[];
  readonly name: string;
  /** Emits all members first, then each change. */
  readonly presence$: Observable<Presence>;

  readonly #messages$: Observable<M>;
  readonly #parts: ChannelParts;
  readonly #end$ = new ReplaySubject<void>(1);
  #listeners = 0;

  constructor(parts: ChannelParts) {
    super();
    const { guard } = parts;
    this.name = parts.name;
    this.#parts = parts;
    const guarded = <T>(source: Observable<T>): Observable<T> => {
      const open$ = source.pipe(takeUntil(this.#end$));
      return guard ? new GuardedObservable(open$, guard) : open$;
    };
    this.#messages$ = guarded(parts.messages$ as Observable<M>);
    this.presence$ = guarded(parts.presence$);
    if (guard) {
      const pipe = this.pipe.bind(this) as (...operators: readonly unknown[]) => unknown;
      Object.assign(this, { pipe: (...operators: readonly unknown[]) => guardResult(pipe(...operators), guard) });
    }
  }

  /** Whether this object has subscribers. */
  override get observed(): boolean {
    return this.#listeners > 0;
  }

  override next(message: M): void {
    if (!this.closed) this.#parts.publish(message);
  }

  /**
   * Publishes a message. Resolves with its position, when the log of the hub has appended it. An
   * at-most-once message has no position: the promise resolves with `undefined`, when the hub has
   * sent the message to the present members.
   *
   * After `wire.complete()`, a client still waits for the answer of the hub, for `drainTimeout` at
   * most. A rejection that is not caught does not end the process.
   *
   * @throws {ChannelRefusedError} Rejects with the reason, when the hub refuses the message.
   * @throws {ChannelFailedError} Rejects on the server, when the log has failed.
   * @throws {ChannelTimeoutError} Rejects on a client, when the server acked the message and did
   *   not answer in time. It may have been published.
   * @throws {RxwireError} Rejects on a client with the error of the wire, when the message is given
   *   up or the wire ends. The message may have been published, unless it was still waiting to be
   *   sent. Rejects with `ERR_WIRE_CLOSED`, when this object was completed.
   * @example
   * import { channel, connect, createMessage, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * const room = channel(wire, 'room.1');
   * room.send(createMessage('chat.said', { text: 'hello' })).then(
   *   (position) => console.log(position?.offset),
   *   (error: Error) => console.log(error.message),
   * );
   */
  send(message: M): Promise<ChannelPosition | undefined> {
    if (!this.closed) return this.#parts.send(message);
    return reportUnhandled(Promise.reject(new WireClosedError(message.id)), noop);
  }

  /**
   * Ends the channel for all, and for good: readers get the messages before, also later, and then
   * the end. Without a reason, the channel completes; with one, it fails with a
   * `ChannelEndedError`. Resolves when the log of the hub has the end. `complete` ends only this
   * object.
   *
   * @param reason A text for the readers, of up to 256 characters.
   * @throws {RxwireError} Rejects as {@link send} does. Rejects on a client with
   *   `ERR_CHANNEL_REFUSED` and the action `end`, unless `authorize` of the hub allows that action.
   *   When the channel has ended already, rejects with `ERR_CHANNEL_REFUSED` and the reason `ended`
   *   on a client, and with `ERR_CHANNEL_ENDED` on the server.
   * @example
   * import { createMessage, hub } from 'rxwire';
   *
   * const run = hub().channel('run.42');
   * await run.send(createMessage('note', 'done'));
   * await run.end();
   */
  async end(reason?: string): Promise<void> {
    const ended = createMessage('channel.ended', reason === undefined ? { status: 'completed' } : { status: 'failed', reason });
    await this.send(ended as Message as M);
  }

  override complete(): void {
    this.closed = true;
    this.#end$.next();
  }

  override error(error: unknown): void {
    this.closed = true;
    this.#end$.error(error);
  }

  override unsubscribe(): void {
    this.complete();
  }

  override subscribe(observer?: Partial<Observer<M>> | ((message: M) => void) | null): Subscription;
  override subscribe(...args: [Partial<Observer<M>>?]): Subscription {
    const subscription = this.#messages$.subscribe(...args);
    if (subscription.closed) return subscription;
    this.#listeners++;
    subscription.add(() => this.#listeners--);
    return subscription;
  }
}
