import { asapScheduler, defer, EMPTY, noop, type Observable, type SchedulerLike } from 'rxjs';
import { estimateSize } from '../../internal/estimateSize.js';
import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import { refCounted } from '../../internal/refCounted.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { ChannelJoin, ChannelMember, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelStart } from '../channels/channelOptions.js';
import type { ChannelBroadcast, ChannelLog, ChannelSlice } from './channelLog.js';
import type { ClusterPresence, PresenceChange } from './clusterPresence.js';
import { followLog, type FollowLogOptions, type SteppedEntry } from './followLog.js';
import { createPresenceTracker } from './presenceTracker.js';
import { PART_BYTES, type ClientFlow, type Receiver } from './pageFlow.js';
import { Cursor, PAGE_SIZE, queryOf } from './cursor.js';
import { deliveryMessage, ephemeralMessage, presenceMessages } from './hubMessages.js';
import { readChannel } from './readChannel.js';

export interface HubChannelOptions {
  readonly log: Pick<ChannelLog, 'read' | 'tail'>;
  /** Whether the log has only the newest message of each key. */
  readonly isKeyed: () => boolean;
  /** The members at other nodes. @default there are none */
  readonly presence?: ClusterPresence;
  readonly maxReplay: number;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike;
  /** Called when the log, or the shared presence, has failed. */
  readonly onFailed: (error: unknown, part?: 'presence') => void;
  /** Called when the channel has no members and no subscribers. */
  readonly onEmpty: () => void;
}

/** Creates a channel on the server, which lives while it has members or subscribers. */
export function createHubChannel(name: string, options: HubChannelOptions) {
  const { log, isKeyed, maxReplay, onEmpty, onFailed, scheduler = steadyScheduler(), microtask = asapScheduler } = options;
  const subscriptions = new Map<Receiver, Cursor>();
  const announce = (change: PresenceChange): void => {
    const messages = presenceMessages(name, change);
    for (const { wire, isWatching } of subscriptions.values()) if (isWatching) messages.forEach((message) => wire.next(message));
  };
  const { tracker: presence, end: endPresence } = createSharedPresence(name, { ...options, microtask }, announce);
  const serverRefCount = refCounted(noop, () => closeIfEmpty());
  const live = new Set<Cursor>();
  const own = new Set<Cursor>();
  const deliveries = createDeliveries(name, { subscriptions, own, live }, { log, scheduler, onFailed });
  const closeIfEmpty = (): void => {
    if (subscriptions.size > 0 || serverRefCount.isActive()) return;
    deliveries.end();
    endPresence();
    onEmpty();
  };
  const sendMembersIfWatching = (subscription: Cursor): void => {
    if (subscription.isWatching && subscription.isJoined) subscription.sendMembers(presence.members);
  };
  const readFirst = (join: ChannelJoin, maxBytes: number): MaybeAsync<ChannelSlice> =>
    chain(log.read(name, { ...queryOf(join, maxReplay, isKeyed()), maxBytes }), (slice) => {
      if (slice.isComplete || !isKeyed()) return slice;
      // The client has missed that keys were removed: it gets all keys again.
      return chain(log.read(name, { after: 'start', limit: PAGE_SIZE }), (whole) => ({ ...whole, isComplete: false }));
    });
  const parts = { channel: name, log, scheduler, onFailed, reached: deliveries.reached, live };

  return {
    /** The number of clients in the channel. */
    get size(): number {
      return subscriptions.size;
    },
    /** Emits the messages from a place on, for the server itself. */
    messages: (start: ChannelStart): Observable<Message> => serverRefCount.by(readChannel(parts, own, { start, begin: deliveries.begin })),
    presence$: serverRefCount.by(presence.presence$),
    /** Adds a client, or confirms its membership, and sends the messages that it missed. */
    join(flow: ClientFlow, member: ChannelMember, join: ChannelJoin): MaybeAsync<void> {
      const { wire } = flow;
      const subscription = new Cursor(flow, member, join.watch === true, parts);
      const former = subscriptions.get(wire);
      if (former) former.end();
      else presence.add(member);
      subscriptions.set(wire, subscription);
      // A client that receives no page now needs the first position only.
      const mayReceive = !flow.isFull();
      return chain(mayReceive ? flow.reserve(PART_BYTES, readFirst(join, PART_BYTES)) : readFirst(join, 1), (slice) => {
        if (subscriptions.get(wire) !== subscription) return;
        deliveries.begin(slice);
        subscription.begin(join, slice, mayReceive);
        sendMembersIfWatching(subscription);
      });
    },
    /** Adds a client that receives nothing before it joins. */
    admit(flow: ClientFlow, member: ChannelMember): void {
      if (subscriptions.has(flow.wire)) return;
      subscriptions.set(flow.wire, new Cursor(flow, member, false, parts));
      presence.add(member);
    },
    /** Delivers a message that is not in the history to the present members. */
    broadcast: (message: Message): void => deliveries.deliver({ message }),
    leave(wire: Receiver): void {
      const subscription = subscriptions.get(wire);
      if (!subscription) return;
      subscription.end();
      subscriptions.delete(wire);
      presence.remove(subscription.member);
      closeIfEmpty();
    },
    /** Sets the state of a member. */
    update(wire: Receiver, state: unknown): void {
      const subscription = subscriptions.get(wire);
      if (subscription) presence.update(subscription.member.id, state);
    },
    watch(wire: Receiver, isWatching: boolean): void {
      const subscription = subscriptions.get(wire);
      if (subscription) sendMembersIfWatching(Object.assign(subscription, { isWatching }));
    },
  };
}

/** Tracks the members of this node and, until `end`, those of the other nodes. */
function createSharedPresence(
  name: string,
  { presence, microtask, onFailed }: Pick<HubChannelOptions, 'presence' | 'onFailed'> & { readonly microtask: SchedulerLike },
  announce: (change: PresenceChange) => void,
) {
  const fail = (error: unknown): void => onFailed(error, 'presence');
  const tracker = createPresenceTracker(microtask, announce, (own) => {
    try {
      presence?.publish(name, own);
    } catch (error) {
      fail(error);
    }
  });
  const changes$ = defer(() => presence?.changes(name) ?? EMPTY);
  const subscription = changes$.subscribe({ next: (change) => tracker.apply(change), error: fail });
  return { tracker, end: (): void => subscription.unsubscribe() };
}

export type HubChannel = ReturnType<typeof createHubChannel>;

interface Readers {
  readonly subscriptions: ReadonlyMap<Receiver, Cursor>;
  /** The readers of the server itself. */
  readonly own: ReadonlySet<Cursor>;
  /** Those that are at the end of the log. */
  readonly live: ReadonlySet<Cursor>;
}

/** Delivers the entries of the log to the live readers, in order. */
function createDeliveries(
  name: string,
  { subscriptions, own, live }: Readers,
  { log, ...options }: Pick<HubChannelOptions, 'log' | 'onFailed'> & { readonly scheduler: SchedulerLike },
) {
  const cursor: FollowLogOptions['cursor'] = { position: undefined };

  const deliver = (entry: SteppedEntry | ChannelBroadcast): void => {
    if (entry.offset !== undefined) {
      const message = deliveryMessage(name, entry, entry.after);
      const size = estimateSize(entry.message);
      for (const reader of live) reader.next(message, entry, size);
      return;
    }
    const message = ephemeralMessage(name, entry.message);
    // A client that is joining is not present yet.
    for (const { wire, isJoined } of subscriptions.values()) if (isJoined) wire.next(message);
    for (const { wire } of own) wire.next(message);
  };
  const following = followLog(log, name, { ...options, cursor, limit: PAGE_SIZE }).subscribe(deliver);
  return {
    deliver,
    reached: (): ChannelPosition | undefined => cursor.position,
    /** Sets the position to continue from, if there is none yet. */
    begin: ({ epoch, last }: ChannelSlice): void => void (cursor.position ??= { epoch, offset: last }),
    end: (): void => following.unsubscribe(),
  };
}
