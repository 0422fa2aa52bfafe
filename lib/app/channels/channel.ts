import type { Observable } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import type { RxwireError } from '../../errors.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { createMessage } from '../../message/createMessage.js';
import { deliveryOf } from '../../message/deliveryOf.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Delivery, Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelOptions } from './channelOptions.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { ChannelSubject, type ChannelParts } from './channelSubject.js';
import { createMembership } from './membership.js';
import { createDemultiplexer, type Demultiplexer } from './demultiplexer.js';

export interface ClientChannelParts extends ChannelParts {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
}

/** A channel of a wire. `next` publishes to all members; `subscribe` joins the channel and receives its messages. */
export class Channel extends ChannelSubject {
  /** The state of the membership: the current one, then each change. Completes with the wire. */
  readonly state$: Observable<ChannelState>;
  /** Reports messages that are lost for good. Emits before the first message behind the gap. */
  readonly gaps$: Observable<ChannelGap>;
  /** Reports refused requests and unreadable messages as they occur. */
  readonly errors$: Observable<RxwireError>;

  constructor({ state$, gaps$, errors$, ...parts }: ClientChannelParts) {
    super(parts);
    this.state$ = state$;
    this.gaps$ = gaps$;
    this.errors$ = errors$;
  }
}

let channels: WeakMap<Wire, (name: string, options: ChannelOptions) => Channel> | undefined;

/**
 * Returns a channel over a wire whose server has a `hub`. A channel is a Subject. It joins once, however many subscribers it has, and
 * leaves when the last one unsubscribes. After a lost session it joins again and receives the missed messages that the server still keeps.
 *
 * The same wire and name return the same channel. The options of the first call apply.
 *
 * @throws {TypeError} At call time, if `name` does not match: 1 to 128 of the characters `A-Z a-z 0-9 _ . : / -`.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {ChannelRefusedError} Delivered, when the server refuses the join. A new subscription asks again.
 * @example
 * const room = channel(wire, 'room.1', { history: 50 });
 * room.pipe(ofType('chat.said')).subscribe(({ source, payload }) => draw([source, payload]));
 * room.next(createMessage('chat.said', 'hello'));
 */
export function channel(wire: Wire, name: string, options: ChannelOptions = {}): Channel {
  const { history, answerTimeout } = options;
  assertNotNegative('channel', { history });
  assertPositive('channel', { answerTimeout });
  if (!NAME_PATTERN.test(name)) throw new TypeError(`channel: "name" must match ${NAME_PATTERN.source}, got ${name}`);
  channels ??= new WeakMap();
  const findChannel = channels.get(wire) ?? channelsOf(wire);
  channels.set(wire, findChannel);
  return findChannel(name, options);
}

function channelsOf(wire: Wire): (name: string, options: ChannelOptions) => Channel {
  const demultiplexer = createDemultiplexer(wire);
  const known = new Map<string, Channel>();
  return (name, options) => {
    const found = known.get(name);
    if (found && !found.closed) return found;
    if (known.size >= MAX_CHANNELS) removeIdle(known, demultiplexer);
    const { send, ...membership } = createMembership(name, wire, demultiplexer, options);
    const created = new Channel({
      name,
      publish: (message) => wire.next(publishMessage(name, message, wire.delivery)),
      send: (message) => send(publishMessage(name, message, wire.delivery, true)),
      ...membership,
    });
    known.set(name, created);
    return created;
  };
}

/** The number of channels that are cached without being in use. */
const MAX_CHANNELS = 1_000;

function removeIdle(known: Map<string, Channel>, { has }: Demultiplexer): void {
  for (const name of known.keys()) if (!has(name)) known.delete(name);
}

/**
 * Wraps a message for publishing. The envelope copies `ttl`, `priority` and `delivery` of the message, and says that it is encrypted if
 * the message says so and is not: then the wire refuses it.
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
