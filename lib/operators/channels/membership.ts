import {
  asapScheduler,
  BehaviorSubject,
  defer,
  firstValueFrom,
  noop,
  Observable,
  of,
  repeat,
  share,
  Subject,
  type SchedulerLike,
  type Subscriber,
  type Subscription,
} from 'rxjs';
import { CallbackError, ChannelRefusedError, ChannelTimeoutError, type RxwireError } from '../../message/errors.js';
import { longTimer } from '../timing/longTimer.js';
import { createTrampoline } from '../subscribing/trampoline.js';
import { createCoalescedTimer, type CoalescedTimer } from '../timing/coalescedTimer.js';
import { reportUnhandled } from '../../wire/reportUnhandled.js';
import { refCounted, type RefCount } from './refCounted.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message, MessageType, PayloadOf } from '../../message/types.js';
import { claim, emitOnce } from '../../wire/session/messageClaim.js';
import type { Wire } from '../../wire/wire.js';
import type { HistoryRange, MemberOptions, PastMessage } from './channelOptions.js';
import {
  errorOfEnd,
  readDelivery,
  readEnd,
  readJoined,
  readPast,
  readPresence,
  readPublished,
  readRefused,
} from '../../channels/channelPayloads.js';
import { positionText, type ChannelStart } from '../../channels/channelPosition.js';
import { bystander, followerFrom, subscriberReader, type ChannelReader, type StartOptions } from './channelReaders.js';
import { ChannelRequests } from './channelRequests.js';
import { isOut, LEFT, type ChannelGap, type ChannelState } from '../../channels/channelState.js';
import { MembershipCore } from '../../channels/membershipCore.js';
import type { Presence } from '../../channels/memberList.js';
import { createWatchedMembers } from './watchedMembers.js';
import { createOwnMessages, type OwnMessages } from '../../channels/ownMessages.js';

/** The readers of a wire, by the names of their channels. */
export interface WireReaders {
  readonly add: (name: string, membership: Membership) => void;
  readonly remove: (name: string) => void;
  /** The messages whose promise reports that the hub refuses them. */
  readonly sent: OwnMessages;
}

/** One channel on the client's side. It does what its core returns. */
export class Membership {
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  /** The members, for one who reads no messages: it has no part in where others begin. */
  readonly membersOnly$: Observable<Presence>;
  readonly state$ = new BehaviorSubject(LEFT);
  /** The current state, then each change, until the wire ends. */
  readonly states$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;

  readonly #channel: string;
  readonly #wire: Wire;
  readonly #answerTimeout: number;
  readonly #scheduler: SchedulerLike;
  readonly #gaps$ = new Subject<ChannelGap>();
  readonly #errors$ = new Subject<RxwireError>();
  readonly #core = new MembershipCore<ChannelReader>((state) => this.state$.next(state));
  // A subscriber may cause the next notification.
  readonly #notifications = createTrampoline();
  readonly #requests: ChannelRequests;
  /** Where the subscribers of the channel begin. Set before the first of them. */
  start: StartOptions;
  /** The reader of the subscribers of the channel, which share one position: the latest. */
  #reader: ChannelReader | undefined;
  #reached: ChannelPosition | undefined;
  readonly #watched = createWatchedMembers(
    () => this.#core.state.member,
    () => this.#sendWatch(),
  );
  /** The readers and requests that need messages of the wire. */
  readonly #users: RefCount;
  #retrying: Subscription | undefined;
  #presence: { readonly state: unknown } | undefined;
  /** The messages that the subscribers do not receive. */
  readonly own = createOwnMessages();
  readonly #presenceTimer: CoalescedTimer;
  #hasWireEnded = false;

  constructor(channel: string, wire: Wire, readers: WireReaders, options: MemberOptions) {
    const { answerTimeout, scheduler = steadyScheduler(), microtask = asapScheduler } = options;
    this.#channel = channel;
    this.#wire = wire;
    this.#answerTimeout = answerTimeout;
    this.#scheduler = scheduler;
    this.#presenceTimer = createCoalescedTimer(microtask, () => this.#sendPresence());
    this.#requests = new ChannelRequests(channel, wire, answerTimeout, scheduler, readers.sent);
    this.#users = refCounted(
      () => readers.add(channel, this),
      () => readers.remove(channel),
    );
    this.start = options;
    let shared = new Subject<Message>();
    const read$ = this.#read<Message>((subscriber) => this.#createReader(subscriber, shared));
    this.messages$ = read$.pipe(share({ connector: () => (shared = new Subject()) }));
    this.states$ = this.#users.by(defer(() => (this.#hasWireEnded ? of(this.state$.value) : this.state$)));
    this.gaps$ = this.#users.by(this.#gaps$);
    this.errors$ = this.#users.by(this.#errors$);
    this.presence$ = this.#watched.until(this.messages$);
    this.membersOnly$ = this.#watched.until(this.#read<never>((subscriber) => bystander(this.#core.position, subscriber)));
  }

  follow(from: Exclude<ChannelStart, 'live'>): Observable<Message | undefined> {
    return this.#read<Message | undefined>((subscriber) => followerFrom(from, subscriber));
  }

  position(): string | undefined {
    this.#reached = this.#reader?.position ?? this.#reached;
    return this.#reached && positionText(this.#reached);
  }

  /**
   * Publishes a state at the end of the microtask, and after each join, until the member leaves.
   */
  updatePresence(state: unknown): void {
    this.#presence = { state };
    this.#presenceTimer.set(0);
  }

  history(range: HistoryRange): Observable<PastMessage> {
    return this.#users.by(this.#requests.history(range, this.#gaps$));
  }

  /** Sends a `channel.publish` that requests an answer. */
  send(publish: Message): Promise<ChannelPosition | undefined> {
    return reportUnhandled(firstValueFrom(this.#users.by(this.#requests.send(publish))), (error) => {
      // A refusal is in `errors$` as well.
      const isSeen = (error as RxwireError).code === 'ERR_CHANNEL_REFUSED' && this.showsErrors;
      this.#wire.unseen?.ignored(publish.id, error, !isSeen);
    });
  }

  /** Whether the program receives the errors of the channel. */
  get showsErrors(): boolean {
    return this.#errors$.observed;
  }

  receive(message: Message): void {
    const { type, payload, correlationId = '' } = message;
    try {
      if (type === 'channel.message') this.#handleDelivery(message);
      else if (type === 'channel.joined') this.#handleJoined(message);
      else if (type === 'channel.refused') this.#handleRefused(message);
      else if (type === 'channel.published') this.#requests.answer(type, correlationId, readPublished(payload));
      else if (type === 'channel.past') this.#requests.answer(type, correlationId, readPast(payload, this.#fail));
      else if (type === 'channel.presence') this.#watched.apply(readPresence(payload));
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Reports an unreadable message. Only read errors arrive here, and they are RxwireErrors: errors
   * of subscribers are reported by RxJS.
   */
  readonly #fail = (error: unknown): void => this.#errors$.next(error as RxwireError);

  resync(cause: 'restarted' | 'lost' | RxwireError): void {
    if (typeof cause === 'string') {
      if (this.#core.mustJoin(cause)) this.#requestJoin();
      return;
    }
    this.#requests.failHistories(cause);
    if (this.#watched.isActive()) this.#sendWatch();
  }

  end(error?: RxwireError): void {
    this.#hasWireEnded = true;
    this.#stop({ status: 'left', ...(error && { error }) });
    for (const subject of [this.state$, this.#gaps$, this.#errors$]) subject.complete();
    // The error of a wire belongs to the subscribers of the wire. Here it would end the process,
    // unless each subscriber had an error callback.
    this.#endReaders(noop);
    this.#requests.end(error);
  }

  #reportGap(gap: ChannelGap): void {
    const isJoined = this.#core.isJoined();
    this.#core.change({ status: 'gap', gap });
    this.#gaps$.next(gap);
    if (isJoined && this.#core.state.status === 'gap') this.#core.change({ status: 'joined' });
  }

  #stop(end: ChannelState): void {
    this.#retrying?.unsubscribe();
    this.#core.stop(end);
  }

  #read<T>(createReader: (subscriber: Subscriber<T>) => ChannelReader): Observable<T> {
    return this.#users.by(
      new Observable<T>((subscriber) => {
        if (this.#hasWireEnded) {
          subscriber.complete();
          return;
        }
        const reader = createReader(subscriber);
        subscriber.add(() => this.#remove(reader));
        this.#proceed(this.#core.add(reader));
      }),
    );
  }

  /** @param to Takes the messages: less work for each of them than if `share` passed them on. */
  #createReader(subscriber: Subscriber<Message>, to: Subject<Message>): ChannelReader {
    this.position();
    return (this.#reader = subscriberReader(this.#channel, this.start, subscriber, to, {
      isOwn: (message) => this.own.take(message, this.#core.state.member),
      onGap: (gap) => this.#reportGap(gap),
      onStorageFailed: (cause) => this.#wire.report(new CallbackError('remember', cause)),
    }));
  }

  /** @param next The readers whose place the hub has confirmed, or `join`. */
  #proceed(next: 'join' | readonly ChannelReader[]): void {
    if (next === 'join') this.#requestJoin();
    else this.#notify(next, ({ onConfirmed }) => onConfirmed?.());
  }

  /** Calls readers, behind the notifications under way. Skips those that were removed. */
  #notify(readers: readonly ChannelReader[], call: (reader: ChannelReader) => void): void {
    this.#notifications.run(() => {
      for (const reader of readers) if (this.#isReader(reader, readers)) call(reader);
    });
  }

  /** Returns whether one of some readers was not removed. */
  #isReader(reader: ChannelReader, among: readonly ChannelReader[]): boolean {
    return among === this.#core.readers || this.#core.readers.includes(reader);
  }

  /** Removes all readers, and ends them. @param errorOf Returns the error of a reader. */
  #endReaders(errorOf: (reader: ChannelReader) => unknown): void {
    const { readers } = this.#core;
    this.#notifications.run(() => {
      for (const reader of readers) if (this.#core.remove(reader)) reader.onEnd(errorOf(reader));
    });
  }

  #remove(reader: ChannelReader): void {
    if (!this.#core.remove(reader) || this.#core.readers.length > 0) return;
    this.#presence = undefined;
    if (isOut(this.#core.state)) return;
    this.#stop(LEFT);
    this.#send('channel.leave', { channel: this.#channel });
  }

  /** The hub needs these messages, whatever the default of the wire is. */
  #message<T extends MessageType>(type: T, payload: PayloadOf<T>): Message {
    return createMessage(type, payload, { delivery: 'at-least-once', scheduler: this.#scheduler });
  }

  #send<T extends MessageType>(type: T, payload: PayloadOf<T>): void {
    if (!this.#isWireEnding()) this.#wire.next(this.#message(type, payload));
  }

  /** Returns whether the wire drains: it takes no more messages, and its end leaves the channel. */
  #isWireEnding(): boolean {
    return this.#wire.state.status === 'disconnecting';
  }

  #sendPresence(): void {
    if (this.#presence && this.#core.isJoined()) this.#send('channel.update', { channel: this.#channel, ...this.#presence });
  }

  /** Tells the server whether `presence$` has subscribers. */
  #sendWatch(): void {
    if (!isOut(this.#core.state)) this.#send('channel.watch', { channel: this.#channel, watch: this.#watched.isActive() });
  }

  /**
   * Requests the messages after the lowest position, every `answerTimeout`. Reports once that the
   * server does not answer although there is a connection.
   */
  #requestJoin(): void {
    const join = { channel: this.#channel, ...this.#core.join(), watch: this.#watched.isActive() };
    this.#retrying?.unsubscribe();
    const message = this.#message('channel.join', join);
    // The program receives an error if it joins over a wire that drains.
    this.#wire.next(message);
    let isReported = false;
    // While the first copy is still queued, the wire recognizes the repeat by its id and sends one
    // message.
    this.#retrying = longTimer(this.#answerTimeout, this.#scheduler)
      .pipe(repeat())
      .subscribe(() => {
        if (this.#isWireEnding()) return;
        // The join was sent when the connection was opened, at the latest.
        if (!isReported && this.#wire.state.metrics.uptime >= this.#answerTimeout / 2) {
          isReported = true;
          const error = new ChannelTimeoutError(this.#channel, this.#answerTimeout);
          this.#core.change({ status: this.#core.state.status, error });
          this.#errors$.next(error);
          this.#wire.report(error);
          if (!this.showsErrors) this.#wire.unseen?.unhandled(error);
        }
        this.#wire.next(message);
      });
  }

  #handleJoined({ payload }: Message): void {
    const joined = readJoined(payload);
    const gaps = this.#core.answer(joined);
    if (!gaps) return;
    this.#retrying?.unsubscribe();
    this.#notify([...gaps.keys()], (reader) => reader.onGap(gaps.get(reader) as ChannelGap));
    this.#proceed(this.#core.confirm(joined));
    this.#sendPresence();
  }

  #handleRefused({ payload, correlationId = '' }: Message): void {
    const { action, reason, join } = readRefused(payload);
    const isJoin = action === 'join';
    if (this.#requests.fail('channel.past', correlationId, new ChannelRefusedError(this.#channel, action, reason))) return;
    if (isJoin && this.#core.isOutdated(join, correlationId)) return;
    const error = new ChannelRefusedError(this.#channel, action, reason, isJoin || correlationId === '' ? undefined : correlationId);
    this.#errors$.next(error);
    this.#requests.fail('channel.published', correlationId, error);
    this.own.forget(correlationId);
    if (!isJoin || this.#core.state.status === 'left') return;
    this.#stop({ status: 'refused', error });
    this.#endReaders(() => error);
  }

  #handleDelivery(carrier: Message): void {
    // Messages that were sent before the join are sent again after it.
    if (!this.#core.isJoined()) return;
    const received = readDelivery(carrier, this.#fail);
    const { receivers = this.#core.readers, gap, mustJoin } = this.#core.receive(received);
    if (mustJoin) this.#requestJoin();
    if (gap) this.#notify(receivers, (reader) => reader.onGap(gap));
    const { message, position } = received;
    if (message?.type === 'channel.ended') {
      if (this.#core.isJoined()) this.#handleEnd(message);
    } else if (message && receivers.length > 0) {
      const emit = (): void => {
        for (const reader of receivers) if (this.#isReader(reader, receivers)) reader.next(message, position);
      };
      const held = claim(carrier);
      // The message is processed when all readers have it.
      this.#notifications.run(held ? () => emitOnce(held.delivery, message, emit) : emit);
    }
  }

  #handleEnd({ payload }: Message): void {
    const end = readEnd(payload);
    const { gap } = this.#core.state;
    this.#stop({ status: 'ended', end, ...(gap && { gap }) });
    this.#send('channel.leave', { channel: this.#channel });
    this.#endReaders(({ hasGap = false }) => errorOfEnd(this.#channel, end, hasGap));
  }
}
