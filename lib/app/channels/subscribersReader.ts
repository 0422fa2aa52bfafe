import { asapScheduler, type Subscriber } from 'rxjs';
import { CallbackError, type RxwireError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { guard } from '../../internal/guard.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { CHANNEL_DEFAULTS, type ChannelOptions, type ChannelStart } from './channelOptions.js';
import { parsePosition, positionOf, positionText } from './channelPosition.js';
import type { ChannelReader, JoinPlace } from './channelReaders.js';
import type { ChannelGap } from './channelState.js';

/**
 * A follower of a channel receives these, each with the position behind it: first that the hub has
 * all messages from its place on, then each message.
 */
export type Followed =
  | { readonly kind: 'confirmed'; readonly position: ChannelPosition }
  | { readonly kind: 'message'; readonly position: ChannelPosition; readonly message: Message }
  /** Messages are lost. Nothing follows. */
  | { readonly kind: 'gap'; readonly gap: ChannelGap };

/** Returns a reader that emits to the subscriber of an Observable. */
export type CreateReader<T> = (subscriber: Subscriber<T>) => ChannelReader;

/** The part of the options that says where the subscribers of a channel begin. */
export type StartOptions = Pick<ChannelOptions, 'from' | 'remember' | 'microtask'>;

/**
 * Creates the reader of the subscribers of a channel, which share one position. The reader stores
 * its position at the end of each microtask with messages, where `remember` says so.
 *
 * @param report Called with the error of a storage that throws. The channel continues.
 */
export function createSubscribersReader(
  channel: string,
  options: StartOptions,
  report: (error: RxwireError) => void,
  onGap: (gap: ChannelGap) => void,
) {
  let startOptions = options;
  /** The present reader, or the latest. */
  let latest: ChannelReader | undefined;
  let reached: ChannelPosition | undefined;
  const key = `rxwire:${channel}`;
  const failed = (cause: unknown): void => report(new CallbackError('remember', cause));

  const position = (): ChannelPosition | undefined => (reached = latest?.position ?? reached);
  const createReader: CreateReader<Message> = (subscriber) => {
    const { from = CHANNEL_DEFAULTS.from, remember, microtask = asapScheduler } = startOptions;
    let received: ChannelPosition | undefined;
    const timer = createCoalescedTimer(microtask, () => guard(() => received && remember?.setItem(key, positionText(received)), failed));
    const stored = parsePosition(guard(() => remember?.getItem(key), failed) ?? '');
    position();
    const next = (message: Message, at: ChannelPosition | undefined): void => {
      if (at && remember) {
        received = at;
        timer.set(0);
      }
      subscriber.next(message);
    };
    return (latest = { ...placeOf(from, stored), next, onGap, onEnd: endOf(subscriber) });
  };
  return { position, createReader, configure: (start: StartOptions) => void (startOptions = start) };
}

/** Returns what creates a reader of its own position. It ends with its first gap. */
export const createFollower =
  (from: ChannelStart): CreateReader<Followed> =>
  (subscriber) => ({
    ...placeOf(from),
    onConfirmed: (position) => subscriber.next({ kind: 'confirmed', position }),
    next(message, position) {
      if (position) subscriber.next({ kind: 'message', position, message });
    },
    onGap(gap) {
      subscriber.next({ kind: 'gap', gap });
      subscriber.complete();
    },
    onEnd: endOf(subscriber),
  });

const endOf =
  (subscriber: Subscriber<unknown>) =>
  (error: unknown): void => {
    if (error === undefined) subscriber.complete();
    else subscriber.error(error);
  };

/** Returns where a reader begins. @param stored The position that it has stored. */
function placeOf(from: ChannelStart, stored?: ChannelPosition): Pick<ChannelReader, 'position' | 'first'> {
  const position = stored ?? positionOf(from);
  return { position, first: position ? {} : firstOf(from) };
}

/** Returns the fields of a join request without a position. */
function firstOf(from: ChannelStart): JoinPlace {
  if (from === 'start') return { start: true };
  return typeof from === 'object' && 'last' in from && from.last > 0 ? { history: from.last } : {};
}
