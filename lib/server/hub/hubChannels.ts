import { defer, map, type Observable } from 'rxjs';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelLog, ChannelRetention } from '../../channels/channelLog.js';
import { appendOnce } from './appendOnce.js';
import { createCompactor, type Compact, type Compactor } from './compactor.js';
import { HubChannel, type HubChannelOptions } from './hubChannel.js';
import { readEnd } from '../../channels/channelPayloads.js';
import { recipientOf } from './hubMessages.js';
import type { MessageCheck } from './messageCheck.js';
import { createKeyedChannel, type KeyedChannel } from './keyedChannel.js';
import type { KeyedSettings } from '../../channels/keyedContent.js';
import { markPublisher, withoutMark } from '../../channels/publisherMark.js';

/** How a channel is kept. */
export interface ChannelSettings extends Partial<KeyedSettings> {
  /** How much of the channel the log keeps, if it can. @default the limits of the log */
  readonly retain?: ChannelRetention;
  /**
   * Joins small messages to large ones, behind the readers, while this hub publishes.
   * @default the log keeps them as they are
   */
  readonly compact?: Compact;
}

/** Creates the channels of a hub, which live while they have members or subscribers. */
export function createHubChannels(
  options: Omit<HubChannelOptions, 'log' | 'isKeyed' | 'onEmpty'> & { readonly log: ChannelLog; readonly check: MessageCheck },
) {
  const { log: stored, check, scheduler = steadyScheduler(), onFailed } = options;
  const log: ChannelLog = { ...withoutMarks(stored), append: appendOnce(stored, scheduler) };
  const channels = new Map<string, HubChannel>();
  const compactors = new Map<string, Compactor>();
  const keyed = new Map<string, KeyedChannel>();
  const source: Pick<ChannelLog, 'read' | 'tail'> = {
    read: (channel, query) => (keyed.get(channel) ?? log).read(channel, query),
    tail: (channel) => defer(() => (keyed.get(channel) ?? log).tail(channel)),
  };
  const isKeyed = (channel: string): boolean => keyed.has(channel);
  const onEmpty = (channel: string): unknown => channels.delete(channel);
  const channelOptions: HubChannelOptions = { ...options, log: source, isKeyed, onEmpty };
  const open = (channel: string): HubChannel => {
    const opened = channels.get(channel) ?? new HubChannel(channel, channelOptions);
    channels.set(channel, opened);
    return opened;
  };
  return {
    open,
    sizeOf: (channel: string): number => channels.get(channel)?.size ?? 0,
    /** The messages in the log, or the newest ones of each key of a keyed channel. */
    source,
    isKeyed,
    configure(channel: string, { retain, compact, key, ...settings }: ChannelSettings): void {
      if (retain) stored.retain?.(channel, retain);
      const failed = (error: unknown): void => onFailed(channel, error);
      if (key && !isKeyed(channel))
        keyed.set(channel, createKeyedChannel({ ...settings, ...(retain && { retain }), key, log, channel, scheduler, onFailed: failed }));
      if (compact && stored.compact) compactors.set(channel, createCompactor(log, channel, { compact, check, report: failed }));
    },
    /**
     * Appends a message to the log, unless it is a repeat, and returns its position. Does not store
     * at-most-once messages and answers.
     * @throws The error of the log, also delivered.
     * @throws {InvalidMessageError} When the end of a channel is invalid, or a key is missing.
     */
    store(channel: string, message: Message, publisher?: string): MaybeAsync<ChannelPosition | undefined> {
      if (message.type === 'channel.ended') readEnd(message.payload);
      if (message.delivery !== 'at-most-once' && recipientOf(message) === undefined) {
        keyed.get(channel)?.check(message);
        const position$ = log.append(channel, publisher === undefined ? message : markPublisher(message, publisher));
        const compactor = compactors.get(channel);
        if (!compactor) return position$;
        if (message.type === 'channel.ended') compactors.delete(channel);
        return chain(position$, (position) => {
          compactor.add(position, message);
          return position;
        });
      }
      if (stored.broadcast) stored.broadcast(channel, message);
      else channels.get(channel)?.broadcast(message);
      return undefined;
    },
    /** Opens a channel at subscription, and emits the selected stream of it. */
    observe: <T>(channel: string, select: (hubChannel: HubChannel) => Observable<T>): Observable<T> => defer(() => select(open(channel))),
  };
}

export type HubChannels = ReturnType<typeof createHubChannels>;

/** Returns a log whose messages are as the members see them: without the marks. */
function withoutMarks(log: ChannelLog): Pick<ChannelLog, 'read' | 'tail' | 'compact' | 'isKnown'> {
  return {
    ...(log.compact && { compact: log.compact.bind(log) }),
    ...(log.isKnown && { isKnown: log.isKnown.bind(log) }),
    read: (channel, query) =>
      chain(log.read(channel, query), ({ entries, end, ...slice }) => ({
        ...slice,
        entries: entries.map(withoutMark),
        ...(end && { end: withoutMark(end) }),
      })),
    tail: (channel) => log.tail(channel).pipe(map(withoutMark)),
  };
}
