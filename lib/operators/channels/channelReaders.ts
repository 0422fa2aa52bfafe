import { asapScheduler, noop, type Subject, type Subscriber } from 'rxjs';
import { callSafely } from '../../message/errors/callSafely.js';
import { createTrampoline } from '../subscribing/trampoline.js';
import { createCoalescedTimer } from '../timing/coalescedTimer.js';
import type { ChannelJoin, ChannelJoined, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { emitOnce, type Claim } from '../../wire/session/messageClaim.js';
import type { MemberOptions } from './channelOptions.js';
import { parsePosition, positionOf, positionText, step, type ChannelStart } from '../../channels/channelPosition.js';
import type { ChannelGap } from '../../channels/channelState.js';

/** A reader of a channel, with its own position. The readers of a client share a membership. */
export interface ChannelReader {
  /** The position of the last message. Undefined before the join, for one that begins elsewhere. */
  position: ChannelPosition | undefined;
  /** Whether the hub has confirmed that it has all messages after the position. */
  isConfirmed?: boolean;
  hasGap?: boolean;
  /** Where a reader without a position begins. */
  readonly first: JoinPlace;
  /** @param position Undefined for an ephemeral message. */
  readonly next: (message: Message, position: ChannelPosition | undefined) => void;
  /** Called once: the hub has all messages behind the position. */
  readonly onConfirmed?: () => void;
  /** Called when the messages behind the position are lost. The position is that behind the gap. */
  readonly onGap: (gap: ChannelGap) => void;
  readonly onEnd: (error: unknown) => void;
}

/** The part of a join request that says where to begin. */
export type JoinPlace = Pick<ChannelJoin, 'start' | 'history' | 'after'>;

export class ChannelReaders {
  /** Replaced at each change. */
  all: readonly ChannelReader[] = [];
  // A subscriber may cause the next notification.
  readonly #notifications = createTrampoline();
  #requested: JoinPlace = {};
  /** The reader without a position whose place was requested. */
  #placing: ChannelReader | undefined;

  add(reader: ChannelReader): void {
    this.all = [...this.all, reader];
  }

  /** Returns whether there was such a reader. */
  remove(reader: ChannelReader): boolean {
    const { length } = this.all;
    this.all = this.all.filter((one) => one !== reader);
    return this.all.length < length;
  }

  /** Returns the place of the next join: that of a reader without a position, or the lowest one. */
  place(epoch: string | undefined): JoinPlace {
    this.#placing = this.all.find(({ position }) => !position);
    return (this.#requested = this.#placing ? this.#placing.first : { after: lowest(this.all, epoch) as ChannelPosition });
  }

  /**
   * Moves the readers to what the hub has confirmed. Returns the gaps, and whether to join again.
   */
  confirm({ epoch, offset, complete }: Pick<ChannelJoined, 'epoch' | 'offset' | 'complete'>) {
    const gaps = new Map<ChannelReader, ChannelGap>();
    const after = this.#requested.after?.epoch === epoch ? this.#requested.after.offset : Infinity;
    let isBehind = false;
    for (const reader of this.all) {
      const { position } = reader;
      const isPlaced = !position && reader === this.#placing;
      // The hub does not know the requested position, or has removed the messages behind it.
      const isUnknown = !complete && position?.epoch === epoch && position.offset === after;
      let effect = step(position, { epoch, offset }, complete ? Math.min(after, offset) : offset);
      if (isUnknown || (isPlaced && !complete)) effect = 'gap';
      else if (isPlaced) effect = 'next';
      if (effect === 'repeat') continue;
      if (!isPlaced && (!position || (position.epoch === epoch && position.offset < after))) {
        isBehind = true;
        continue;
      }
      if (effect === 'gap') {
        const from = position ?? { epoch, offset: 0 };
        reader.hasGap = true;
        gaps.set(reader, { reason: from.epoch === epoch ? 'history' : 'epoch', after: from, next: { epoch, offset: offset + 1 } });
      }
      reader.position = { epoch, offset };
    }
    this.#placing = undefined;
    return { gaps, isBehind };
  }

  /**
   * Moves the readers to a message that is the next one behind the position of the membership.
   * Returns the readers that get it, and whether a reader is elsewhere, so that another join is
   * needed: between the two, a reader has already received a part of a compacted message.
   */
  accept(from: ChannelPosition, position: ChannelPosition) {
    let isElsewhere = false;
    let count = 0;
    for (const reader of this.all) {
      const effect = step(reader.position, position, from.offset);
      if (effect === 'repeat') continue;
      if (effect === 'gap' || (reader.position?.offset ?? 0) > from.offset) isElsewhere = true;
      else {
        reader.position = position;
        count++;
      }
    }
    // Most often, all readers receive the message.
    const receivers = count === this.all.length ? this.all : this.all.filter((reader) => reader.position === position);
    return { receivers, isElsewhere };
  }

  /** Calls readers, behind the notifications under way. Skips those that were removed. */
  notify(readers: readonly ChannelReader[], call: (reader: ChannelReader) => void): void {
    this.#notifications.run(() => {
      for (const reader of readers) if (readers === this.all || this.all.includes(reader)) call(reader);
    });
  }

  /** Notifies readers that the messages in front of their positions are lost. */
  lose(readers: readonly ChannelReader[], gap: ChannelGap): void {
    for (const reader of readers) reader.hasGap = true;
    this.notify(readers, (reader) => reader.onGap(gap));
  }

  /** Notifies readers of a message, which is processed when all are done. @param held Its claim. */
  deliver(readers: readonly ChannelReader[], message: Message, position: ChannelPosition | undefined, held: Claim | undefined): void {
    const emit = (): void => {
      for (const reader of readers) if (readers === this.all || this.all.includes(reader)) reader.next(message, position);
    };
    this.#notifications.run(held ? () => emitOnce(held.delivery, message, emit) : emit);
  }

  /** Tells the readers that the hub has all messages after their positions, once. */
  confirmed(readers: readonly ChannelReader[]): void {
    const isNew = readers.filter(({ isConfirmed }) => !isConfirmed);
    for (const reader of isNew) reader.isConfirmed = true;
    this.notify(isNew, ({ onConfirmed }) => onConfirmed?.());
  }

  /** Removes all readers, and ends them. @param errorOf Returns the error of a reader. */
  end(errorOf: (reader: ChannelReader) => unknown): void {
    const ended = this.all;
    this.#notifications.run(() => {
      for (const reader of ended) if (this.remove(reader)) reader.onEnd(errorOf(reader));
    });
  }
}

/** Returns a reader that begins at a place. */
export function readerFrom(
  from: ChannelStart,
  subscriber: Pick<Subscriber<never>, 'complete' | 'error'>,
  callbacks: Pick<ChannelReader, 'next' | 'onConfirmed' | 'onGap'>,
): ChannelReader {
  const position = positionOf(from);
  let first: JoinPlace = {};
  if (from === 'start') first = { start: true };
  else if (typeof from === 'object' && 'last' in from && from.last > 0) first = { history: from.last };
  const onEnd = (error: unknown): void => (error === undefined ? subscriber.complete() : subscriber.error(error));
  return { position, first, ...callbacks, onEnd };
}

export type StartOptions = Pick<MemberOptions, 'from' | 'remember' | 'microtask'>;

/** Returns the reader of the subscribers, which stores its position as `remember` says. */
export function subscriberReader(
  channel: string,
  { from, remember, microtask = asapScheduler }: StartOptions,
  subscriber: Pick<Subscriber<never>, 'complete' | 'error'>,
  to: Subject<Message>,
  callbacks: {
    /** Returns whether the subscribers do not receive a message that this client has sent. */
    readonly isOwn: (message: Message) => boolean;
    readonly onGap: ChannelReader['onGap'];
    readonly onStorageFailed: (cause: unknown) => void;
  },
): ChannelReader {
  const { isOwn, onGap, onStorageFailed } = callbacks;
  const key = `rxwire:${channel}`;
  const stored = parsePosition(callSafely(() => remember?.getItem(key), onStorageFailed) ?? '');
  let received: ChannelPosition | undefined;
  const timer = createCoalescedTimer(microtask, () =>
    callSafely(() => received && remember?.setItem(key, positionText(received)), onStorageFailed),
  );
  return readerFrom(stored ?? from, subscriber, {
    next(message, position) {
      if (position && remember) {
        received = position;
        timer.set(0);
      }
      if (!isOwn(message)) to.next(message);
    },
    onGap,
  });
}

export class FollowerGap extends Error {}

/**
 * Returns a reader that emits `undefined` at its place, then messages, or a {@link FollowerGap}.
 */
export function followerFrom(from: ChannelStart, subscriber: Subscriber<Message | undefined>): ChannelReader {
  return readerFrom(from, subscriber, {
    onConfirmed: () => subscriber.next(undefined),
    next: (message, position) => position && subscriber.next(message),
    onGap: () => subscriber.error(new FollowerGap()),
  });
}

/** Returns a reader that is a member, and receives no messages. */
export function bystander(position: ChannelPosition | undefined, subscriber: Pick<Subscriber<never>, 'complete' | 'error'>): ChannelReader {
  return { ...readerFrom('live', subscriber, { next: noop, onGap: noop }), position };
}

/** Returns the lowest position in an epoch, or else in the epoch of the first reader. */
function lowest(readers: readonly ChannelReader[], epoch: string | undefined): ChannelPosition | undefined {
  const positions = readers.flatMap(({ position }) => position ?? []);
  const own = positions.find((position) => position.epoch === epoch)?.epoch ?? positions[0]?.epoch;
  const candidates = positions.filter((position) => position.epoch === own);
  return candidates.reduce<ChannelPosition | undefined>((least, next) => (least && least.offset <= next.offset ? least : next), undefined);
}
