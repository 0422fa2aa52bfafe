import { asapScheduler, noop, type Subject, type Subscriber } from 'rxjs';
import { callSafely } from '../../message/errors/callSafely.js';
import { createCoalescedTimer } from '../timing/coalescedTimer.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { MemberOptions } from './channelOptions.js';
import { parsePosition, positionOf, positionText, type ChannelStart } from '../../channels/channelPosition.js';
import type { ChannelGap } from '../../channels/channelState.js';
import type { JoinPlace, ReaderPosition } from '../../channels/readerPositions.js';

/** A reader of a channel, with its own position. The readers of a client share a membership. */
export interface ChannelReader extends ReaderPosition {
  /** @param position Undefined for an ephemeral message. */
  readonly next: (message: Message, position: ChannelPosition | undefined) => void;
  /** Called after each join: the hub has all messages behind the position. */
  readonly onConfirmed?: () => void;
  /** Called when the messages behind the position are lost. The position is that behind the gap. */
  readonly onGap: (gap: ChannelGap) => void;
  readonly onEnd: (error: unknown) => void;
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
  let isConfirmed = false;
  return readerFrom(from, subscriber, {
    onConfirmed() {
      if (isConfirmed) return;
      isConfirmed = true;
      subscriber.next(undefined);
    },
    next: (message, position) => position && subscriber.next(message),
    onGap: () => subscriber.error(new FollowerGap()),
  });
}

/** Returns a reader that is a member, and receives no messages. */
export function bystander(position: ChannelPosition | undefined, subscriber: Pick<Subscriber<never>, 'complete' | 'error'>): ChannelReader {
  return { ...readerFrom('live', subscriber, { next: noop, onGap: noop }), position };
}
