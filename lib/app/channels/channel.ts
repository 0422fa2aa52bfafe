import type { Observable } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { createMessage } from '../../message/createMessage.js';
import { NAME_PATTERN } from '../../message/limits.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelOptions } from './channelOptions.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { ChannelSubject, type ChannelParts } from './channelSubject.js';
import { createMembership } from './membership.js';
import { createSwitchboard } from './switchboard.js';

export interface ClientChannelParts extends ChannelParts {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
}

/** A channel of a wire: `next` publishes to all who are in it, `subscribe` joins it, and receives. */
export class Channel extends ChannelSubject {
  /** How we stand to it: now, and at each change. Completes with the wire. */
  readonly state$: Observable<ChannelState>;
  /** Messages that we have missed for good, as we learn of it: before the one that comes behind them. */
  readonly gaps$: Observable<ChannelGap>;
  /** What was refused, or could not be read; as it happens. */
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
 * A channel over a wire whose server has a `hub`: a Subject of its own. It is joined once, however many have subscribed to it, and left when the last of
 * them leaves; after a lost session it is joined again, and what was missed comes then, as far as the server still has it.
 *
 * The same wire and name are the same channel; the options are those of the first call.
 *
 * @throws {TypeError} At call time, if that is no name: 1 to 128 of the characters `A-Z a-z 0-9 _ . : / -`.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {ChannelRefusedError} Delivered, when the server does not let us in; who subscribes again asks again.
 * @example
 * const room = channel(wire, 'room.1', { history: 50 });
 * room.pipe(ofType('chat.said')).subscribe(({ source, payload }) => draw([source, payload]));
 * room.next(createMessage('chat.said', 'hello'));
 */
export function channel(wire: Wire, name: string, options: ChannelOptions = {}): Channel {
  const { history, joinTimeout } = options;
  assertNotNegative('channel', { history });
  assertPositive('channel', { joinTimeout });
  if (!NAME_PATTERN.test(name)) throw new TypeError(`channel: "name" must match ${NAME_PATTERN.source}, got ${name}`);
  channels ??= new WeakMap();
  const find = channels.get(wire) ?? channelsOf(wire);
  channels.set(wire, find);
  return find(name, options);
}

function channelsOf(wire: Wire): (name: string, options: ChannelOptions) => Channel {
  const switchboard = createSwitchboard(wire);
  const known = new Map<string, Channel>();
  return (name, options) => {
    const found = known.get(name);
    if (found && !found.closed) return found;
    const publish = (message: Message): void => wire.next(publication(name, message));
    if (known.size >= MAX_KNOWN) forgetIdle(known);
    const made = new Channel({ name, publish, ...createMembership(name, wire, switchboard, options) });
    known.set(name, made);
    return made;
  };
}

/** Channels that are remembered though nobody has subscribed to them. */
const MAX_KNOWN = 1_000;

function forgetIdle(known: Map<string, Channel>): void {
  for (const [name, { observed }] of known) if (!observed) known.delete(name);
}

/** What is said of the message is said of what carries it, too. */
function publication(channel: string, message: Message): Message {
  const { id, timestamp, ttl, priority, delivery } = message;
  return {
    ...createMessage('channel.publish', { channel, message }, { id, timestamp }),
    ...(ttl !== undefined && { ttl }),
    ...(priority !== undefined && { priority }),
    ...(delivery !== undefined && { delivery }),
  };
}
