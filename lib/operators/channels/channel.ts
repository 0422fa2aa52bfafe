import { defer, noop, Subscriber, Subscription, type Observable, type Observer } from 'rxjs';
import { assertNotNegative, checkOptions, checkWire } from '../../message/development.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { RxwireError, type MessageRefusedError } from '../../message/errors.js';
import type { ObserverGuard } from './guardedObservable.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import { readOptions } from '../../message/options/readOptions.js';
import { createMessage } from '../../message/createMessage.js';
import { deliveryLevelOf } from '../../message/deliveryLevelOf.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { AnyTypes, Delivery, Message, MessageIn } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import {
  CHANNEL_OPTIONS,
  type ChannelOptions,
  type HistoryRange,
  type MemberOptions,
  type PastMessage,
  type EchoOptions,
} from './channelOptions.js';
import { isChannelMessage } from '../../channels/channelPayloads.js';
import type { ChannelStart } from '../../channels/channelPosition.js';
import type { ChannelGap, ChannelState } from '../../channels/channelState.js';
import { ChannelSubject, type ChannelParts } from './channelSubject.js';
import type { Presence } from '../../channels/memberList.js';
import type { ReplyWire } from '../requests/requestTypes.js';
import { Membership } from './membership.js';
import { createOwnMessages } from '../../channels/ownMessages.js';
import { isPageCached } from './pageCache.js';

interface ClientChannelParts extends Omit<ChannelParts, 'messages$' | 'presence$'> {
  readonly wire: Wire;
  readonly publish: (message: Message, echo?: boolean) => void;
  readonly send: (message: Message, echo?: boolean) => Promise<ChannelPosition | undefined>;
}

/** A channel of a wire. `next` publishes to all members; `subscribe` joins and receives. */
export class Channel<M extends Message = Message> extends ChannelSubject<M> {
  /** The state of the membership: the current one, then each change. Completes with the wire. */
  readonly state$: Observable<ChannelState>;
  /** Reports messages that are lost for good. Emits before the first message behind the gap. */
  readonly gaps$: Observable<ChannelGap>;
  /** Reports refused and unanswered requests, and unreadable messages, as they occur. */
  readonly errors$: Observable<RxwireError>;

  readonly #parts: ClientChannelParts;
  readonly #membership: () => Membership;

  /**
   * @param membership Returns the membership of the name, which is created if there is none.
   * @internal
   */
  constructor(parts: ClientChannelParts, membership: () => Membership) {
    const use = <T>(select: (membership: Membership) => Observable<T>): Observable<T> => defer(() => select(membership()));
    super({ ...parts, messages$: use(({ messages$ }) => messages$), presence$: use(({ presence$ }) => presence$) });
    this.state$ = use(({ states$ }) => states$);
    this.gaps$ = use(({ gaps$ }) => gaps$);
    this.errors$ = use(({ errors$ }) => errors$);
    this.#parts = parts;
    this.#membership = membership;
  }

  /** Reports to `reply` the replies that could not be published. @internal */
  get carrier(): ReplyWire {
    const { wire } = this.#parts;
    return { failures$: wire.failures$, isPending: (id) => wire.isPending(id) };
  }

  /**
   * Publishes a message: to all members, or with `echo: false` to all others. The `ttl` of an
   * at-most-once message starts again when the hub sends the message.
   */
  override next(message: M, { echo }: EchoOptions = {}): void {
    if (!this.closed) this.#parts.publish(message, echo);
  }

  override send(message: M, { echo }: EchoOptions = {}): Promise<ChannelPosition | undefined> {
    return this.closed ? super.send(message) : this.#parts.send(message, echo);
  }

  /** The state of the membership now. */
  get state(): ChannelState {
    return this.#membership().state$.value;
  }

  /**
   * The position behind the last message that was received, as a text to be stored anywhere: `from`
   * of another page begins there. `undefined` before the first join.
   */
  get position(): string | undefined {
    return this.#membership().position();
  }

  /**
   * Sets the `state` of this member, which the other members receive. Sends it at the end of the
   * microtask if this client is a member, and after each join. The state is removed when the client
   * leaves. `null` removes it. A refusal is reported in `errors$`: `too-large` above 4 KiB, or the
   * reason of `authorize`.
   *
   * @example
   * import { channel, connect, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * const room = channel(wire, 'room.1');
   * room.presence$.subscribe(({ others }) => console.log(others.map(({ state }) => state)));
   * room.updatePresence({ caret: 12 });
   */
  updatePresence(state: unknown): void {
    this.#membership().updatePresence(state);
  }

  /**
   * Emits older messages, in order, and completes. Each subscription requests them anew. The client
   * need not be a member.
   *
   * @throws {ChannelRefusedError} Delivered, when the hub refuses to let the client join the
   *   channel.
   * @throws {ChannelTimeoutError} Delivered, when the server does not answer within
   *   `answerTimeout`.
   * @throws {MessagesMissedError} Delivered, when the server has dropped messages to this client,
   *   and a part of the answer may be missing.
   * @example
   * import { channel, connect, webSocket } from 'rxwire';
   *
   * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
   * const room = channel(wire, 'room.1');
   * room
   *   .history({ limit: 20 })
   *   .subscribe(({ position, message }) => console.log([position, message.payload]));
   */
  history(range: HistoryRange = {}): Observable<PastMessage> {
    assertNotNegative('history', { limit: range.limit });
    return defer(() => this.#membership().history(range));
  }
}

let channels: WeakMap<Wire, ReturnType<typeof createChannels>> | undefined;

type FollowStart = Exclude<ChannelStart, 'live'>;

/**
 * Returns a channel over a wire whose server has a `hub`. A channel is a Subject. It joins once,
 * however many subscribers it has, and leaves when the last one unsubscribes. After a lost session
 * it joins again and receives the missed messages that the server still keeps. It completes when
 * its writer has ended it.
 *
 * The same wire and name return the same channel. The options of the first call apply.
 *
 * @throws {TypeError} At call time, if `name` does not match: 1 to 128 of the characters
 *   `A-Z a-z 0-9 _ . : / -`.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {ChannelRefusedError} Delivered, when the server refuses the join. A new subscription
 *   asks again.
 * @throws {ChannelEndedError} Delivered, behind the last message, when the writer of the channel
 *   has failed, or has gone, or when this client has missed messages.
 * @example
 * import { channel, connect, createMessage, ofType, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const room = channel(wire, 'room.1', { from: { last: 50 } });
 * room
 *   .pipe(ofType('chat.said'))
 *   .subscribe(({ source, payload }) => console.log([source, payload]));
 * room.next(createMessage('chat.said', { text: 'hello' }));
 */
export function channel<Types extends object = AnyTypes>(
  wire: Wire,
  name: string,
  options: ChannelOptions = {},
): Channel<MessageIn<Types>> {
  checkWire('channel', wire);
  checkOptions('channel', options);
  const read = { ...options, ...readOptions('channel', options, CHANNEL_OPTIONS) };
  if (typeof read.from === 'object' && 'last' in read.from) assertNotNegative('channel', { last: read.from.last });
  assertChannelName('channel', name);
  return channelsOf(wire).find(name, read) as Channel<MessageIn<Types>>;
}

/** @throws {TypeError} */
export function assertChannelName(owner: string, name: string): void {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`${owner}: "name" must match ${NAME_PATTERN.source}, got ${name}`);
}

/**
 * Emits `undefined` when the hub has confirmed that it has all messages after a position in a
 * channel, and then these messages. Fails with a `FollowerGap` when some are lost. It shares the
 * membership of the channel with all other subscribers: the client joins once, at the lowest of all
 * positions, and each reader drops the messages up to its own position.
 *
 * @param options Those of the membership, if there is none yet.
 */
export function followChannel(wire: Wire, name: string, options: MemberOptions, from: FollowStart): Observable<Message | undefined> {
  return defer(() => channelsOf(wire).membership(name, options).follow(from));
}

/**
 * Emits the members of a channel. The options of the channel are those of the first call of
 * {@link channel}, before or after this one.
 *
 * @throws {TypeError} At call time, if the name is invalid.
 */
export function membersOf(wire: Wire, name: string): Observable<Presence> {
  assertChannelName('usePresence', name);
  const options = readOptions<ChannelOptions, typeof CHANNEL_OPTIONS>('channel', {}, CHANNEL_OPTIONS);
  return defer(() => channelsOf(wire).membership(name, options).membersOnly$);
}

function channelsOf(wire: Wire) {
  channels ??= new WeakMap();
  const found = channels.get(wire) ?? createChannels(wire);
  channels.set(wire, found);
  return found;
}

/** The membership of one name, also for a channel that was removed from the cache. */
interface SharedMembership {
  /** The channel that later calls return. A follower needs none. */
  channel: Channel | undefined;
  readonly membership: Membership;
}

function createChannels(wire: Wire) {
  const receivers = createReceivers(wire);
  const guard = reportOn(wire);
  const known = new Map<string, SharedMembership>();
  let limit = MAX_CHANNELS;

  const enter = (name: string, channel: Channel | undefined, options: MemberOptions): SharedMembership => {
    if (known.size >= limit) {
      for (const name of known.keys()) if (!receivers.has(name)) known.delete(name);
      // Those in use are not checked again for each new name.
      limit = Math.max(MAX_CHANNELS, 2 * known.size);
    }
    const shared = { channel, membership: new Membership(name, wire, receivers, options) };
    known.set(name, shared);
    return shared;
  };
  let refusals: Subscription | undefined;
  /** Reports refused messages of `next` to a program that sees no errors, until the wire ends. */
  const watchRefusals = (): void => {
    refusals ??= markInternal(
      wire.failures$.subscribe(({ id, error }) => {
        const isRefusal = (error as Partial<MessageRefusedError>).remoteCode === 'ERR_CHANNEL_REFUSED';
        if (!isRefusal || receivers.sent.forget(id)) return;
        if (![...known.values()].some(({ membership }) => membership.showsErrors)) wire.unseen?.add(id, error);
      }),
    );
  };
  const create = (name: string, options: MemberOptions): Channel => {
    const membership = (): Membership => (known.get(name) ?? enter(name, created, options)).membership;
    const publish = (message: Message, echo = options.echo): void => {
      if (!echo) membership().own.add(message);
      watchRefusals();
      wire.next(publishMessage(name, message, wire.delivery));
    };
    const send = (message: Message, echo = options.echo): Promise<ChannelPosition | undefined> => {
      if (!echo) membership().own.add(message);
      return membership().send(publishMessage(name, message, wire.delivery, true));
    };
    const created: Channel = new Channel({ name, wire, publish, send, guard }, membership);
    return created;
  };
  return {
    find(name: string, options: MemberOptions): Channel {
      const shared = known.get(name);
      if (shared?.channel && !shared.channel.closed) return shared.channel;
      const created = create(name, options);
      if (shared && (!shared.channel || receivers.has(name))) {
        if (!shared.channel) shared.membership.start = options;
        shared.channel = created;
      } else enter(name, created, options);
      return created;
    },
    /** Returns the membership of a name for its followers, or those who see its members. */
    membership: (name: string, options: MemberOptions): Membership => (known.get(name) ?? enter(name, undefined, options)).membership,
  };
}

/** Passes the messages of a wire to its memberships: one subscription, one Map lookup a message. */
function createReceivers(wire: Wire) {
  const receivers = new Map<string, Membership>();
  let subscription: Subscription | undefined;

  const all = (): readonly Membership[] => [...receivers.values()];
  const receive = (message: Message): void => {
    if (!isChannelMessage(message)) return;
    if (message.type === 'channel.reset') all().forEach((membership) => membership.resync('restarted'));
    else receivers.get((Object(message.payload) as { readonly channel?: string }).channel ?? '')?.receive(message);
  };
  const onError = (error: RxwireError): void => {
    if (error.code === 'ERR_SESSION_LOST') all().forEach((membership) => membership.resync('lost'));
    else if (error.code === 'ERR_MISSED') all().forEach((membership) => membership.resync(error));
  };
  const end = (): void => {
    const { status, error } = wire.state;
    all().forEach((membership) => membership.end(status === 'error' && error instanceof RxwireError ? error : undefined));
  };
  const subscribeToWire = (): void => {
    subscription = new Subscription();
    // `errors$` ends with the wire in every case. Subscribers of a wire that is unsubscribed are
    // not notified.
    const errors = markInternal(wire.errors$.subscribe({ next: onError, complete: end }));
    subscription.add(errors);
    subscription.add(isPageCached.subscribe((isCached) => tellAway(wire, isCached)));
    if (!errors.closed) subscription.add(markInternal(wire.subscribe({ next: receive, error: noop })));
  };

  return {
    sent: createOwnMessages(),
    add(name: string, membership: Membership): void {
      receivers.set(name, membership);
      if (!subscription) subscribeToWire();
    },
    has: (name: string): boolean => receivers.has(name),
    remove(name: string): void {
      receivers.delete(name);
      if (receivers.size > 0) return;
      subscription?.unsubscribe();
      subscription = undefined;
    },
  };
}

/** Tells the server that the page is away, now or never: later the page might be back. */
function tellAway(wire: Wire, away: boolean): void {
  const { status } = wire.state;
  if (away ? status === 'connected' : status !== 'disconnecting')
    wire.next(createMessage('channel.away', { away }, { delivery: away ? 'at-most-once' : 'at-least-once' }));
}

/** The number of channels that are cached without being in use. */
const MAX_CHANNELS = 1_000;

/**
 * Wraps a message for publishing. The envelope copies `ttl`, `priority` and `delivery` of the
 * message, and says that it is encrypted if the message says so and is not: then the wire refuses
 * it.
 *
 * @param level The delivery of messages that have none of their own.
 * @param confirm Whether the hub answers.
 */
function publishMessage(channel: string, message: Message, level: Delivery, confirm = false): Message {
  const { id, timestamp, ttl, priority } = message;
  const delivery = deliveryLevelOf(message, level);
  const isEphemeral = delivery === 'at-most-once';
  const payload = { channel, message, ...(isEphemeral && { ephemeral: true }), ...(confirm && { confirm }) };
  return {
    ...createMessage('channel.publish', payload, { id, timestamp, delivery }),
    ...(ttl !== undefined && { ttl }),
    ...(priority !== undefined && { priority }),
    ...(isUnencrypted(message) && { metadata: { encrypted: true } }),
  };
}

/** The errors that were reported: several subscribers may receive one of them. */
const reported = /* @__PURE__ */ new WeakSet();

/**
 * Returns a guard for the subscribers of a channel. If a subscriber has no error callback, the wire
 * reports the error, once: RxJS would report it so that the process ends.
 */
export function reportOn(wire: Wire): ObserverGuard {
  const error = (reason: unknown): void => {
    // The application has ended the channel with an error of its own.
    if (!(reason instanceof RxwireError)) throw reason;
    if (reported.has(reason)) return;
    reported.add(reason);
    wire.report(reason);
    wire.unseen?.unhandled(reason);
  };
  return ([observer, onError, onComplete]) => {
    // The subscriber of an operator handles errors itself.
    if (observer instanceof Subscriber) return observer;
    const isObserver = typeof observer === 'object' && observer !== null;
    const callbacks = (isObserver ? observer : { next: observer, error: onError, complete: onComplete }) as Partial<Observer<unknown>>;
    if (callbacks.error) return callbacks;
    return { next: (value) => callbacks.next?.(value), error, complete: () => callbacks.complete?.() };
  };
}
