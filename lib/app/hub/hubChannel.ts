import { asapScheduler, asyncScheduler, noop, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import { refCounted } from '../../internal/refCounted.js';
import type { ChannelJoin, ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { Presence } from '../channels/presence.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from './channelLog.js';
import { followLog, type LogCursor } from './followLog.js';
import { createPresenceTracker } from './presenceTracker.js';
import { replay, sendMembers, type ChannelSubscription } from './channelSubscription.js';
import { deliveryMessage, ephemeralMessage, presenceMessage } from './hubMessages.js';

/** A channel on the server, while it has members or subscribers. */
export interface HubChannel {
  /** The number of clients in the channel. */
  readonly size: number;
  /** Messages that are published from now on, for the server itself. */
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  /** Adds a client, or confirms its membership, and sends the messages that it missed. */
  join(wire: Wire, member: ChannelMember, join: ChannelJoin): MaybeAsync<void>;
  /** Delivers a message that is not in the history to the present members. */
  broadcast(message: Message): void;
  leave(wire: Wire): void;
  watch(wire: Wire, isWatching: boolean): void;
}

export interface HubChannelOptions {
  readonly log: ChannelLog;
  readonly maxReplay: number;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike;
  /** Called when the log has failed. */
  readonly onFailed: (error: unknown) => void;
  /** Called when the channel has no members and no subscribers. */
  readonly onEmpty: () => void;
}

export function createHubChannel(name: string, { microtask = asapScheduler, ...options }: HubChannelOptions): HubChannel {
  const { log, maxReplay, onEmpty } = options;
  const subscriptions = new Map<Wire, ChannelSubscription>();
  const presence = createPresenceTracker(microtask, ({ entered, left }) => {
    const message = presenceMessage({ channel: name, entered, left: left.map(({ id }) => id) });
    for (const { wire, isWatching } of subscriptions.values()) if (isWatching) wire.next(message);
  });
  const serverRefCount = refCounted(noop, () => closeIfEmpty());
  const deliveries = createDeliveries(name, subscriptions, options);
  const closeIfEmpty = (): void => {
    if (subscriptions.size > 0 || serverRefCount.isActive()) return;
    deliveries.end();
    onEmpty();
  };
  const sendMembersIfWatching = (subscription: ChannelSubscription): void => {
    if (subscription.isWatching && !subscription.buffered) sendMembers(name, subscription, presence.members());
  };

  return {
    get size() {
      return subscriptions.size;
    },
    messages$: serverRefCount.by(deliveries.messages$),
    presence$: serverRefCount.by(presence.presence$),
    join(wire, member, join) {
      const { after, history = 0, watch: isWatching = false } = join;
      const subscription: ChannelSubscription = { wire, member, isWatching, buffered: [] };
      if (!subscriptions.has(wire)) presence.add(member);
      subscriptions.set(wire, subscription);
      const limit = after ? maxReplay : Math.min(history, maxReplay);
      return chain(log.read(name, { after, limit }), (slice) => {
        if (subscriptions.get(wire) !== subscription) return;
        deliveries.begin(slice);
        replay(name, subscription, join, slice);
        sendMembersIfWatching(subscription);
      });
    },
    broadcast: (message) => deliveries.deliver({ message }),
    leave(wire) {
      const subscription = subscriptions.get(wire);
      if (!subscription) return;
      subscriptions.delete(wire);
      presence.remove(subscription.member);
      closeIfEmpty();
    },
    watch(wire, isWatching) {
      const subscription = subscriptions.get(wire);
      if (subscription) sendMembersIfWatching(Object.assign(subscription, { isWatching }));
    },
  };
}

/** Delivers the entries of the log to all subscriptions, in order. */
function createDeliveries(
  name: string,
  subscriptions: ReadonlyMap<Wire, ChannelSubscription>,
  options: Omit<HubChannelOptions, 'microtask' | 'onEmpty'>,
) {
  const { log, maxReplay, scheduler = asyncScheduler, onFailed } = options;
  const messages$ = new Subject<Message>();
  const cursor: LogCursor = { position: undefined };

  const deliver = (entry: ChannelEntry | ChannelBroadcast): void => {
    if (entry.offset === undefined) {
      const message = ephemeralMessage(name, entry.message);
      // A client that is joining is not present yet.
      for (const { wire, buffered } of subscriptions.values()) if (!buffered) wire.next(message);
      messages$.next(entry.message);
      return;
    }
    const { position } = cursor;
    const message = deliveryMessage(name, entry, entry.epoch === position?.epoch ? position.offset : entry.offset - 1);
    cursor.position = entry;
    for (const subscription of subscriptions.values()) {
      if (!subscription.buffered) subscription.wire.next(message);
      else if (subscription.buffered.push(message) > maxReplay) subscription.buffered.shift();
    }
    messages$.next(entry.message);
  };
  const following = followLog(log, name, { cursor, limit: maxReplay, scheduler, onFailed }).subscribe(deliver);
  return {
    messages$,
    deliver,
    /** Sets the position to continue from, if there is none yet. */
    begin: ({ epoch, last }: ChannelSlice): void => void (cursor.position ??= { epoch, offset: last }),
    end: (): void => following.unsubscribe(),
  };
}
