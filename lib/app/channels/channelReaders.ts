import { createTrampoline } from '../../internal/trampoline.js';
import type { ChannelJoin, ChannelJoined, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Claim } from '../../session/receive/delivery.js';
import { forwardDelivery } from '../routing/forwardDelivery.js';
import type { ReceivedMessage } from './channelPayloads.js';
import type { ChannelGap } from './channelState.js';

/**
 * A reader of a channel, with a position of its own. All readers of a client share one membership.
 */
export interface ChannelReader {
  /**
   * The position of the last message that the reader received. Undefined for a reader that begins
   * elsewhere, until the hub has confirmed its join.
   */
  position: ChannelPosition | undefined;
  /** Whether the hub has confirmed that it has all messages after the position. */
  isConfirmed?: boolean;
  /** Where a reader without a position begins. */
  readonly first: JoinStart;
  /** @param position Undefined for an ephemeral message. */
  readonly next: (message: Message, position: ChannelPosition | undefined) => void;
  readonly onConfirmed?: (position: ChannelPosition) => void;
  /** Called when the messages behind the position are lost. The position is that behind the gap. */
  readonly onGap: (gap: ChannelGap) => void;
  /** Called when the channel, or its wire, has ended. */
  readonly onEnd: (error: unknown) => void;
}

/** The fields of a join request without a position. */
export type JoinStart = Pick<ChannelJoin, 'start' | 'history'>;

/** The part of a join request that says where to begin. */
export type JoinPlace = Pick<ChannelJoin, 'start' | 'history' | 'after'>;

/** The readers of a channel. */
export interface ChannelReaders {
  readonly size: () => number;
  readonly add: (reader: ChannelReader) => void;
  /** Returns whether there was such a reader. */
  readonly remove: (reader: ChannelReader) => boolean;
  /**
   * Returns the place of the next join request: that of a reader without a position, or the lowest
   * position.
   * @param epoch The epoch of the channel, if it is known.
   */
  readonly place: (epoch: string | undefined) => JoinPlace;
  /**
   * Moves the readers to what the hub has confirmed. Returns the gaps, and whether a reader is
   * behind it, so that another join is needed.
   */
  readonly confirm: (joined: Pick<ChannelJoined, 'epoch' | 'offset' | 'complete'>) => ConfirmedReaders;
  /**
   * Moves the readers to a message. Returns the readers that receive it, and whether the position
   * of a reader is inside of it: such a reader has already received a part of a compacted message.
   */
  readonly accept: (position: ChannelPosition, after: number, previous: ChannelPosition | undefined) => AcceptedMessage;
  /** Calls readers, behind the notifications under way. Skips those that were removed. */
  readonly notify: (readers: readonly ChannelReader[], call: (reader: ChannelReader) => void) => void;
  /**
   * Notifies readers of a message, which is processed when all of them are done with it.
   *
   * @param held The claim of its carrier.
   */
  readonly deliver: (readers: readonly ChannelReader[], received: ReceivedMessage, held: Claim | undefined) => void;
  readonly all: () => readonly ChannelReader[];
  /** Removes all readers, and ends them. */
  readonly end: (error: unknown) => void;
}

export interface ConfirmedReaders {
  readonly gaps: ReadonlyMap<ChannelReader, ChannelGap>;
  readonly isBehind: boolean;
}

export interface AcceptedMessage {
  readonly receivers: readonly ChannelReader[];
  readonly isInside: boolean;
}

export function createChannelReaders(): ChannelReaders {
  /** Replaced at each change. */
  let readers: readonly ChannelReader[] = [];
  // A subscriber may cause the next notification.
  const notifications = createTrampoline();
  let latest: JoinPlace = {};
  /** The reader without a position whose place was requested. */
  let placing: ChannelReader | undefined;

  const has = (reader: ChannelReader): boolean => readers.includes(reader);
  const remove = (reader: ChannelReader): boolean => {
    const { length } = readers;
    readers = readers.filter((one) => one !== reader);
    return readers.length < length;
  };

  return {
    size: () => readers.length,
    all: () => readers,
    add: (reader) => void (readers = [...readers, reader]),
    remove,
    place(epoch) {
      placing = readers.find(({ position }) => !position);
      return (latest = placing ? placing.first : { after: lowest(readers, epoch) as ChannelPosition });
    },
    confirm(joined) {
      const gaps = new Map<ChannelReader, ChannelGap>();
      const { epoch, offset } = joined;
      let isBehind = false;
      for (const reader of readers) {
        const outcome = outcomeOf(reader, reader === placing, latest.after, joined);
        if (outcome === 'behind') isBehind = true;
        if (outcome === 'gap') {
          const after = reader.position ?? { epoch, offset: 0 };
          gaps.set(reader, { reason: after.epoch === epoch ? 'history' : 'epoch', after, next: { epoch, offset: offset + 1 } });
        }
        if (outcome === 'moved' || outcome === 'gap') reader.position = { epoch, offset };
      }
      placing = undefined;
      return { gaps, isBehind };
    },
    accept(position, after, previous) {
      let isInside = false;
      let count = 0;
      for (const reader of readers) {
        const at = reader.position?.offset ?? 0;
        if (at >= position.offset) continue;
        if (at !== previous?.offset && at !== after) isInside = true;
        else {
          reader.position = position;
          count++;
        }
      }
      // Most often, all readers receive the message.
      const receivers = count === readers.length ? readers : readers.filter((reader) => reader.position === position);
      return { receivers, isInside };
    },
    notify: (receivers, call) =>
      notifications.run(() => {
        for (const reader of receivers) if (has(reader)) call(reader);
      }),
    deliver(receivers, { message, position }, held) {
      const emit = (): void => {
        for (const reader of receivers) if (receivers === readers || has(reader)) reader.next(message, position);
      };
      notifications.run(() => (held ? forwardDelivery(held, message, emit) : emit()));
    },
    end(error) {
      const ended = readers;
      notifications.run(() => {
        for (const reader of ended) if (remove(reader)) reader.onEnd(error);
      });
    },
  };
}

/** Returns whether a position is at or behind a place, in the same epoch. */
export function isReached(place: ChannelPosition | undefined, position: ChannelPosition | undefined): boolean {
  return place !== undefined && position?.epoch === place.epoch && position.offset >= place.offset;
}

/** Returns the lowest position in an epoch, or else in the epoch of the first reader. */
function lowest(readers: readonly ChannelReader[], epoch: string | undefined): ChannelPosition | undefined {
  const positions = readers.flatMap(({ position }) => position ?? []);
  const own = positions.filter((position) => position.epoch === epoch);
  const [first, ...others] = own.length > 0 ? own : positions.filter((position) => position.epoch === positions[0]?.epoch);
  return others.reduce((least, position) => (position.offset < (least?.offset ?? 0) ? position : least), first);
}

/**
 * Returns the effect of a confirmed join on a reader: it stays, it moves to the confirmed position,
 * it has a gap, or its messages were not requested.
 *
 * @param isPlacing Whether the join was for this reader, which has no position.
 * @param after The
 *   requested position.
 */
function outcomeOf(
  { position }: ChannelReader,
  isPlacing: boolean,
  after: ChannelPosition | undefined,
  { epoch, offset, complete }: Pick<ChannelJoined, 'epoch' | 'offset' | 'complete'>,
): 'stays' | 'moved' | 'gap' | 'behind' {
  if (!position) return isPlacing ? (complete ? 'moved' : 'gap') : 'behind';
  if (position.epoch !== epoch) return 'gap';
  if (after?.epoch !== epoch) return position.offset >= offset ? 'stays' : after ? 'gap' : 'behind';
  if (position.offset < after.offset) return position.offset >= offset ? 'stays' : 'behind';
  if (complete) return position.offset > offset ? 'stays' : 'moved';
  // The hub does not know the requested position, or has removed the messages behind it.
  return position.offset === after.offset || position.offset < offset ? 'gap' : 'stays';
}
