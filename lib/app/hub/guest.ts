import { isObservable, map, noop, type Observable } from 'rxjs';
import { ChannelFailedError } from '../../errors.js';
import { attempt, chain, type Later } from '../../internal/later.js';
import { weigh } from '../../internal/weigh.js';
import type { ChannelJoin, ChannelMember, ChannelRefusal } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { channelIn, readJoin, readPublish, readWatch } from '../channels/payloads.js';
import type { ChannelLog } from './channelLog.js';
import type { ChannelRequest } from './hubOptions.js';
import type { Room } from './room.js';
import type { Rooms } from './rooms.js';
import { refusedMessage } from './sent.js';

export interface GuestParts {
  readonly wire: Wire;
  readonly member: ChannelMember;
  readonly log: ChannelLog;
  readonly rooms: Pick<Rooms, 'open' | 'sizeOf'>;
  readonly permit: (request: ChannelRequest) => Later<boolean>;
  readonly report: (error: unknown) => void;
  readonly maxChannels: number;
  readonly maxMembers: number;
  readonly maxSize: number;
}

/** One client, for as long as its wire lives. */
export interface Guest {
  /**
   * Does what a message asks for. It is to be given the next one when what is returned has completed.
   *
   * @throws {InvalidMessageError} When it asks for nothing that can be done.
   */
  readonly receive: (message: Message) => Observable<null> | undefined;
  /** Leaves all channels. */
  readonly end: () => void;
}

export function createGuest(parts: GuestParts): Guest {
  const rooms = new Map<string, Room>();
  let isOver = false;

  const leave = (channel: string): void => {
    const room = rooms.get(channel);
    rooms.delete(channel);
    room?.leave(parts.wire);
  };
  const enter = (join: ChannelJoin): Later<void> => {
    if (isOver) return;
    const room = rooms.get(join.channel) ?? parts.rooms.open(join.channel);
    rooms.set(join.channel, room);
    return room.enter(parts.wire, parts.member, join);
  };
  const act = (message: Message): Later<void> => {
    const { type, payload } = message;
    if (type === 'channel.join') return join(message, { rooms, enter, leave }, parts);
    if (type === 'channel.publish') return publish(message, parts);
    if (type === 'channel.leave') leave(channelIn(payload));
    if (type !== 'channel.watch') return;
    const { channel, watch } = readWatch(payload);
    rooms.get(channel)?.watch(parts.wire, watch);
  };

  return {
    receive(message) {
      const work = act(message);
      return isObservable(work) ? work.pipe(map(() => null)) : undefined;
    },
    end() {
      isOver = true;
      for (const channel of [...rooms.keys()]) leave(channel);
    },
  };
}

interface Doors {
  readonly rooms: ReadonlyMap<string, Room>;
  readonly enter: (join: ChannelJoin) => Later<void>;
  readonly leave: (channel: string) => void;
}

/** Lets a client into a channel. Who is in asks again when it may have missed something. */
function join(message: Message, { rooms, enter, leave }: Doors, parts: GuestParts): Later<void> {
  const { wire, member, permit, maxChannels, maxMembers } = parts;
  const asked = readJoin(message.payload);
  const { channel } = asked;
  const isNew = !rooms.has(channel);
  const refuse = (reason: ChannelRefusal): void => {
    leave(channel);
    wire.next(refusedMessage(message, { channel, action: 'join', reason, join: asked.join }));
  };

  if (isNew && rooms.size >= maxChannels) return refuse('limit');
  return chain(permit({ wire, member, channel, action: 'join' }), (isAllowed): Later<void> => {
    if (!isAllowed) return refuse('forbidden');
    if (isNew && parts.rooms.sizeOf(channel) >= maxMembers) return refuse('full');
    return attempt(() => enter(asked), noop, failing(channel, parts, refuse));
  });
}

/** Adds to the history what a client publishes, under its name; the history hands it on to the members. */
function publish(message: Message, parts: GuestParts): Later<void> {
  const { wire, member, log, permit, maxSize } = parts;
  const { channel, message: given } = readPublish(message.payload);
  const published = { ...given, source: member.id };
  const refuse = (reason: ChannelRefusal): void => wire.next(refusedMessage(message, { channel, action: 'publish', reason }));

  if (weigh(given, maxSize) > maxSize) return refuse('too-large');
  return chain(permit({ wire, member, channel, action: 'publish', message: published }), (isAllowed): Later<void> => {
    if (!isAllowed) return refuse('forbidden');
    return attempt(() => log.append(channel, published), noop, failing(channel, parts, refuse));
  });
}

function failing(channel: string, { report }: GuestParts, refuse: (reason: ChannelRefusal) => void): (error: unknown) => void {
  return (error) => {
    report(new ChannelFailedError('log', channel, error));
    refuse('failed');
  };
}
