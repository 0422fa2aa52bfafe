import type { ChannelJoin, ChannelPosition } from '../message/channelTypes.js';
import { step } from './channelPosition.js';
import type { ChannelGap } from './channelState.js';

/** The part of a join request that says where to begin. */
export type JoinPlace = Pick<ChannelJoin, 'start' | 'history' | 'after'>;

/** The place of a reader in a channel. */
export interface ReaderPosition {
  /** The position of the last message. Undefined before the join, for one that begins elsewhere. */
  position: ChannelPosition | undefined;
  /** Whether messages of this reader are lost. */
  hasGap?: boolean;
  /** Where a reader without a position begins: an object of its own. */
  readonly first: JoinPlace;
}

/** Returns the lowest position in an epoch, or else in the epoch of the first reader. */
export function lowest(readers: readonly ReaderPosition[], epoch: string | undefined): ChannelPosition | undefined {
  const positions = readers.flatMap(({ position }) => position ?? []);
  const own = positions.find((position) => position.epoch === epoch) ?? positions[0];
  return positions.filter((position) => position.epoch === own?.epoch).sort((a, b) => a.offset - b.offset)[0];
}

/**
 * Moves the readers to the position of an answer to a join, except those that need another join,
 * or have more messages already. Returns the gaps.
 *
 * @param place The requested place: {@link ReaderPosition.first} of one reader, or a position.
 * @param complete Whether no message is missing behind that place.
 */
export function moveToAnswer<R extends ReaderPosition>(
  readers: readonly R[],
  place: JoinPlace,
  to: ChannelPosition,
  complete: boolean,
): ReadonlyMap<R, ChannelGap> {
  const gaps = new Map<R, ChannelGap>();
  const { epoch, offset } = to;
  const after = place.after?.epoch === epoch ? place.after.offset : Infinity;
  for (const reader of readers) {
    const { position } = reader;
    if (position ? position.epoch === epoch && position.offset < after : reader.first !== place) continue;
    const from = position ?? { epoch, offset: 0 };
    // A hub that does not know the requested position may have reached an earlier one.
    if (step(position, to) === 'repeat' && (complete || from.offset > after)) continue;
    if (!complete || from.epoch !== epoch) {
      reader.hasGap = true;
      gaps.set(reader, { reason: from.epoch === epoch ? 'history' : 'epoch', after: from, next: { epoch, offset: offset + 1 } });
    }
    reader.position = to;
  }
  return gaps;
}

/**
 * Moves the readers at one position to the next one. Returns them: another reader has received the
 * message already, or is inside of the range that a compacted message stands for.
 */
export function advance<R extends ReaderPosition>(
  readers: readonly R[],
  { epoch, offset }: ChannelPosition,
  next: ChannelPosition,
): readonly R[] {
  let count = 0;
  for (const reader of readers) {
    if (reader.position?.offset !== offset || reader.position.epoch !== epoch) continue;
    reader.position = next;
    count++;
  }
  // Most often, all readers receive the message.
  return count === readers.length ? readers : readers.filter(({ position }) => position === next);
}

/** Returns whether a reader needs messages up to a position. */
export function isAnyBehind(readers: readonly ReaderPosition[], at: ChannelPosition): boolean {
  return readers.some(({ position }) => step(position, at) !== 'repeat');
}
