import { defer, noop, type Observable } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import type { RxwireError } from '../../errors.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { refCounted, type RefCount } from '../../internal/refCounted.js';
import { createMessage } from '../../message/createMessage.js';
import { deliveryOf } from '../../message/deliveryOf.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { AnyTypes, Delivery, Message, MessageIn } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelOptions, ChannelStart } from './channelOptions.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { ChannelSubject, type ChannelParts } from './channelSubject.js';
import type { HistoryRange, PastMessage } from './channelRequests.js';
import { Membership } from './membership.js';
import type { Followed } from './subscribersReader.js';
import { createDemultiplexer } from './demultiplexer.js';
import { reportOn } from './unhandledErrors.js';

export interface ClientChannelParts extends ChannelParts {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  readonly position: () => string | undefined;
  readonly history: (range: HistoryRange) => Observable<PastMessage>;
  readonly updatePresence: (state: unknown) => void;
}

/**
 * A channel of a wire. `next` publishes to all members; `subscribe` joins the channel and receives
 * its messages.
 */
export class Channel<M extends Message = Message> extends ChannelSubject<M> {
  /** The state of the membership: the current one, then each change. Completes with the wire. */
  readonly state$: Observable<ChannelState>;
  /** Reports messages that are lost for good. Emits before the first message behind the gap. */
  readonly gaps$: Observable<ChannelGap>;
  /** Reports refused and unanswered requests, and unreadable messages, as they occur. */
  readonly errors$: Observable<RxwireError>;

  readonly #position: ClientChannelParts['position'];
  readonly #history: ClientChannelParts['history'];
  readonly #updatePresence: ClientChannelParts['updatePresence'];

  constructor({ state$, gaps$, errors$, position, history, updatePresence, ...parts }: ClientChannelParts) {
    super(parts);
    this.state$ = state$;
    this.gaps$ = gaps$;
    this.errors$ = errors$;
    this.#position = position;
    this.#history = history;
    this.#updatePresence = updatePresence;
  }

  /**
   * The position behind the last message that was received, as a text to be stored anywhere: `from`
   * of another page begins there. `undefined` before the first join.
   */
  get position(): string | undefined {
    return this.#position();
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
    this.#updatePresence(state);
  }

  /**
   * Emits older messages, in order, and completes. Each subscription requests them anew. The client
   * need not be a member.
   *
   * @throws {ChannelRefusedError} Delivered, when the hub refuses to let the client join the
   *   channel.
   * @throws {RequestTimeoutError} Delivered, when the server does not answer within
   *   `answerTimeout`.
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
    return this.#history(range);
  }
}

let channels: WeakMap<Wire, ChannelsOfWire> | undefined;

interface ChannelsOfWire {
  readonly find: (name: string, options: ChannelOptions) => Channel;
  readonly follow: (name: string, options: ChannelOptions, from: FollowStart) => Observable<Followed>;
}

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
 *   has failed, or has gone.
 * @example
 * import { channel, connect, createMessage, ofType, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const room = channel(wire, 'room.1', { from: { last: 50 } });
 * room
 *   .pipe(ofType('chat.said'))
 *   .subscribe(({ source, payload }) => console.log([source, payload]));
 * room.next(createMessage('chat.said', 'hello'));
 */
export function channel<Types extends object = AnyTypes>(
  wire: Wire,
  name: string,
  options: ChannelOptions = {},
): Channel<MessageIn<Types>> {
  const { from, answerTimeout } = options;
  if (typeof from === 'object' && 'last' in from) assertNotNegative('channel', { last: from.last });
  assertPositive('channel', { answerTimeout });
  assertChannelName('channel', name);
  return channelsOf(wire).find(name, options) as Channel<MessageIn<Types>>;
}

/** @throws {TypeError} */
export function assertChannelName(owner: string, name: string): void {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`${owner}: "name" must match ${NAME_PATTERN.source}, got ${name}`);
}

/**
 * Emits the messages after a position in a channel, with their positions. It shares the membership
 * of the channel with all other subscribers: the client joins once, at the lowest of all positions,
 * and each reader drops the messages up to its own position.
 *
 * @param options Those of the membership, if there is none yet.
 */
export function followChannel(wire: Wire, name: string, options: ChannelOptions, from: FollowStart): Observable<Followed> {
  return defer(() => channelsOf(wire).follow(name, options, from));
}

function channelsOf(wire: Wire): ChannelsOfWire {
  channels ??= new WeakMap();
  const found = channels.get(wire) ?? createChannels(wire);
  channels.set(wire, found);
  return found;
}

/**
 * The membership of one name. All channels of that name share it: also one that the application has
 * held since it was removed from the cache.
 */
interface SharedMembership {
  /**
   * The channel that later calls return. Undefined until the application asks for it: a follower
   * needs none.
   */
  channel: Channel | undefined;
  readonly membership: Membership;
  /** The subscribers of all streams of the channels. */
  readonly users: RefCount;
}

function createChannels(wire: Wire): ChannelsOfWire {
  const demultiplexer = createDemultiplexer(wire);
  const guard = reportOn(wire);
  const known = new Map<string, SharedMembership>();
  let limit = MAX_CHANNELS;

  const isIdle = (name: string, { users }: SharedMembership): boolean => !users.isActive() && !demultiplexer.has(name);
  const removeIdle = (): void => {
    for (const [name, shared] of known) if (isIdle(name, shared)) known.delete(name);
    // Those in use are not checked again for each new name.
    limit = Math.max(MAX_CHANNELS, 2 * known.size);
  };
  const enter = (name: string, channel: Channel | undefined, options: ChannelOptions): SharedMembership => {
    if (known.size >= limit) removeIdle();
    const shared = { channel, membership: new Membership(name, wire, demultiplexer, options), users: refCounted(noop, noop) };
    known.set(name, shared);
    return shared;
  };
  const create = (name: string, options: ChannelOptions): Channel => {
    const find = (): SharedMembership => known.get(name) ?? enter(name, created, options);
    const use = <T>(select: (membership: Membership) => Observable<T>): Observable<T> =>
      defer(() => {
        const { membership, users } = find();
        return users.by(select(membership));
      });
    const created: Channel = new Channel({
      name,
      publish: (message) => wire.next(publishMessage(name, message, wire.delivery)),
      send: (message) => find().membership.send(publishMessage(name, message, wire.delivery, true)),
      messages$: use(({ messages$ }) => messages$),
      presence$: use(({ presence$ }) => presence$),
      state$: use(({ state$ }) => state$),
      gaps$: use(({ gaps$ }) => gaps$),
      errors$: use(({ errors$ }) => errors$),
      position: () => known.get(name)?.membership.position(),
      updatePresence: (state) => find().membership.updatePresence(state),
      history: (range) => use((membership) => membership.history(range)),
      guard,
    });
    return created;
  };
  return {
    find(name, options) {
      const shared = known.get(name);
      if (shared?.channel && !shared.channel.closed) return shared.channel;
      const created = create(name, options);
      if (shared && (!shared.channel || !isIdle(name, shared))) {
        if (!shared.channel) shared.membership.configure(options);
        shared.channel = created;
      } else enter(name, created, options);
      return created;
    },
    follow(name, options, from) {
      const { membership, users } = known.get(name) ?? enter(name, undefined, options);
      return users.by(membership.follow(from));
    },
  };
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
  const delivery = deliveryOf(message, level);
  const isEphemeral = delivery === 'at-most-once';
  const payload = { channel, message, ...(isEphemeral && { ephemeral: true }), ...(confirm && { confirm }) };
  return {
    ...createMessage('channel.publish', payload, { id, timestamp, delivery }),
    ...(ttl !== undefined && { ttl }),
    ...(priority !== undefined && { priority }),
    ...(isUnencrypted(message) && { metadata: { encrypted: true } }),
  };
}
