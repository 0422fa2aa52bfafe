import { merge, type Observable, ReplaySubject, Subject, type SchedulerLike } from 'rxjs';
import { InvalidMessageError } from '../../message/errors.js';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { step } from '../../channels/channelPosition.js';
import { PAGE_SIZE } from '../../channels/channelRange.js';
import { createKeyedContent, keyOf, MAX_KEY_LENGTH, type KeyedSettings } from '../../channels/keyedContent.js';
import { followLog, inBackground } from './followLog.js';

export interface KeyedChannelOptions extends KeyedSettings {
  readonly log: ChannelLog;
  readonly channel: string;
  readonly scheduler: SchedulerLike;
  /** Called each time the log fails. */
  readonly onFailed: (error: unknown) => void;
}

export type KeyedChannel = ReturnType<typeof createKeyedChannel>;

/** A position that no log has: a read begins with the oldest message. */
const UNKNOWN: ChannelPosition = { epoch: '', offset: 0 };

/**
 * Returns a view of a log that has only the newest message of each key of a channel: it follows the
 * log, and keeps these messages in memory. A reader that is behind gets the newest message of each
 * key. Messages that remove a key are kept, too, for the readers that know the key.
 */
export function createKeyedChannel({ log, channel, scheduler, onFailed, ...settings }: KeyedChannelOptions) {
  let content = createKeyedContent('', settings);
  let tail$ = new Subject<ChannelEntry | ChannelBroadcast>();
  /** Fails when the log has begun another epoch: it is then read again. */
  let renewed$ = new Subject<never>();
  /** Emits when the log is read; `undefined` after that. */
  let ready$: ReplaySubject<undefined> | undefined = new ReplaySubject(1);

  const enter = (epoch: string): void => {
    if (epoch !== content.epoch) content = createKeyedContent(epoch, settings);
  };
  /** The log has lost messages: live readers read again, and are informed of a gap. */
  const reportMissed = (): void => {
    const broken$ = tail$;
    tail$ = new Subject();
    broken$.error(new Error('messages are missing in the log'));
  };
  /** Reads from a position that this hub does not know, or that the log does not know any more. */
  const readUnknown = (wasKnown: boolean, after: ChannelPosition, query: ChannelQuery, { epoch, last }: ChannelSlice): ChannelSlice => {
    if (epoch !== content.epoch) renewed$.error(new Error('the log has begun another epoch'));
    // The reader may have read more of the log at another hub than this one has followed.
    else if (wasKnown || after.epoch !== epoch || after.offset > last || content.knows(after))
      return content.readForwards(wasKnown ? UNKNOWN : after, query);
    throw new Error('the hub has not followed the log up to the position of the reader');
  };

  followLog({
    log: { read: (name, query) => log.read(name, query), tail: () => merge(log.tail(channel), (renewed$ = new Subject())) },
    channel,
    cursor: { position: undefined },
    first: { after: 'start', limit: PAGE_SIZE },
    // The channel lives as long as its hub, which has no end.
    scheduler: inBackground(scheduler),
    onFailed(error) {
      onFailed(error);
      const waiting$ = ready$;
      if (waiting$) ready$ = new ReplaySubject(1);
      waiting$?.error(error);
    },
    onCaughtUp({ epoch, last }) {
      const isLost = !ready$ && epoch !== content.epoch;
      enter(epoch);
      content.last = Math.max(content.last, last);
      const waiting$ = ready$;
      ready$ = undefined;
      waiting$?.next(undefined);
      if (isLost) reportMissed();
    },
  }).subscribe((entry) => {
    if (entry.offset !== undefined) {
      const { epoch, last } = content;
      const isGap = entry.epoch === epoch && step({ epoch, offset: last }, entry, entry.after) === 'gap';
      if (!ready$ && isGap) {
        content.last = content.forgotten = entry.after;
        reportMissed();
      }
      enter(entry.epoch);
      content.add(entry, scheduler.now());
    }
    tail$.next(entry);
  });

  return {
    tail: (): Observable<ChannelEntry | ChannelBroadcast> => tail$,
    /** @throws {InvalidMessageError} If the message has no key. */
    check(message: Message): void {
      if (message.type !== 'channel.ended' && !keyOf(message, settings))
        throw new InvalidMessageError('message', `must have a key: a text of 1 to ${MAX_KEY_LENGTH} characters`);
    },
    read: (_: string, query: ChannelQuery): MaybeAsync<ChannelSlice> =>
      chain(ready$, () => {
        const { after } = query;
        content.trim(scheduler.now());
        if (after === undefined || query.before) return content.readBackwards(query);
        if (after === 'start') return content.readForwards(after, query);
        const wasKnown = content.knows(after);
        return chain(wasKnown && log.isKnown ? log.isKnown(channel, after) : wasKnown, (isKnown) =>
          isKnown
            ? content.readForwards(after, query)
            : chain(log.read(channel, { limit: 0 }), (slice) => readUnknown(wasKnown, after, query, slice)),
        );
      }),
  };
}
