import {
  asapScheduler,
  defer,
  EMPTY,
  map,
  merge,
  noop,
  startWith,
  Subject,
  Subscription,
  takeWhile,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { estimateSize } from '../../message/estimateSize.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { createCoalescedTimer, MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import { asObservable, chain, type MaybeAsync } from '../../message/maybeAsync.js';
import { refCounted } from '../../operators/channels/refCounted.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelJoin, ChannelMember, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { errorOfEnd, readEnd } from '../../channels/channelPayloads.js';
import { positionOf, type ChannelStart, type SteppedEntry } from '../../channels/channelPosition.js';
import { PAGE_SIZE } from '../../channels/channelRange.js';
import { PART_BYTES } from '../../channels/flowControl.js';
import type { Presence } from '../../channels/memberList.js';
import type { ChannelBroadcast, ChannelLog, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import type { ClusterPresence, PresenceChange } from '../../channels/clusterPresence.js';
import { ChannelCursor, type CursorParts } from './channelCursor.js';
import { followLog, inBackground, retryReads } from './followLog.js';
import { deliveryMessage, ephemeralMessage, presenceMessages, recipientOf } from './hubMessages.js';
import type { ClientFlow } from './clientFlow.js';
import { createMemberTracker, isEmpty, type MemberTracker } from '../../channels/memberTracker.js';

export interface HubChannelOptions {
  readonly log: Pick<ChannelLog, 'read' | 'tail'>;
  /** Whether the log has only the newest message of each key of a channel. */
  readonly isKeyed: (name: string) => boolean;
  /** The members at other nodes. @default there are none */
  readonly presence?: ClusterPresence;
  readonly maxReplay: number;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike;
  /** Called when the log, or the shared presence, has failed. */
  readonly onFailed: (name: string, error: unknown, part?: 'presence') => void;
  /** Called when a channel has no members and no subscribers. */
  readonly onEmpty: (name: string) => void;
}

const NO_CHANGE: PresenceChange = { entered: [], left: [], updated: [] };

interface Absence {
  /** Ends the presence of the member. */
  timer: Subscription | undefined;
  /** The member as it was when its presence ended. */
  left: ChannelMember | undefined;
}

/** A channel on the server, which lives while it has members or subscribers. */
export class HubChannel implements CursorParts {
  readonly name: string;
  readonly scheduler: SchedulerLike;
  readonly onFailed: (error: unknown) => void;
  readonly tail: { position: ChannelPosition | undefined } = { position: undefined };
  readonly live = new Set<ChannelCursor>();
  /** Emits the members first, and then each change. */
  readonly presence$: Observable<Presence>;
  readonly #options: HubChannelOptions;
  /** The clients in the channel. */
  readonly #cursors = new Set<ChannelCursor>();
  readonly #absences = new Map<ChannelCursor, Absence>();
  readonly #members: MemberTracker;
  readonly #changes$ = new Subject<PresenceChange>();
  /** Emits the messages of the log and the broadcasts, for the subscribers of the server itself. */
  readonly #entries$ = new Subject<SteppedEntry | ChannelBroadcast>();
  readonly #subscribers = refCounted(noop, () => this.#closeIfEmpty());
  readonly #subscriptions = new Subscription();

  constructor(name: string, options: HubChannelOptions) {
    const { log, presence, scheduler = steadyScheduler(), microtask = asapScheduler, onFailed } = options;
    this.name = name;
    this.scheduler = scheduler;
    this.onFailed = (error) => onFailed(name, error);
    this.#options = options;
    const fail = (error: unknown): void => onFailed(name, error, 'presence');
    const timer = createCoalescedTimer(microtask, () => {
      const { all, own } = this.#members.takeChanges();
      if (!isEmpty(own)) callSafely(() => presence?.publish(name, own), fail);
      if (!isEmpty(all)) this.#announce(all);
    });
    this.#members = createMemberTracker(() => timer.set(0));
    const presence$ = defer(() =>
      this.#changes$.pipe(
        startWith(NO_CHANGE),
        map((change) => this.#presenceAfter(change)),
      ),
    );
    this.presence$ = this.#subscribers.by(presence$);
    const changes$ = defer(() => presence?.changes(name) ?? EMPTY).pipe(retryReads(scheduler, fail));
    this.#subscriptions.add(changes$.subscribe((change) => this.#members.apply(change)));
    const following = { log, channel: name, cursor: this.tail, scheduler, onFailed: this.onFailed, onCaughtUp: () => this.#caughtUp() };
    this.#subscriptions.add(followLog(following).subscribe((entry) => this.#deliver(entry)));
  }

  get size(): number {
    return this.#cursors.size;
  }

  readonly members = (): readonly ChannelMember[] => this.#members.members();

  readonly read = (query: ChannelQuery): MaybeAsync<ChannelSlice> =>
    chain(this.#options.log.read(this.name, query), (slice) => {
      // After a failure, the tail continues from here.
      this.tail.position ??= { epoch: slice.epoch, offset: slice.last };
      return slice;
    });

  /**
   * Emits the messages from a place on, for the server itself. Ends when the channel has ended:
   * completes, or fails with a `ChannelEndedError`, also if messages were missing.
   */
  messages(start: ChannelStart): Observable<Message> {
    const { name, scheduler, onFailed, read } = this;
    const messages$ = defer(() => {
      const end$ = new Subject<ChannelBroadcast>();
      let hasGap = false;
      // While reads fail, the subscriber still gets what the channel emits.
      const readAgain = (query: ChannelQuery): MaybeAsync<ChannelSlice> =>
        asObservable(() => read(query)).pipe(
          retryReads(scheduler, onFailed),
          tap(({ isComplete }) => (hasGap ||= !isComplete && query.after !== undefined)),
        );
      const entries$ = followLog({
        log: { read: (_, query) => readAgain(query), tail: () => this.#entries$ },
        channel: name,
        cursor: { position: undefined },
        first: queryOfStart(start),
        scheduler,
        onFailed,
        onCaughtUp: ({ end }) => end && end$.next({ message: end.message }),
      });
      const errorOf = ({ payload }: Message): unknown => errorOfEnd(name, readEnd(payload), hasGap);
      return merge(end$, entries$).pipe(
        map(({ message }) => message),
        takeWhile((message) => message.type !== 'channel.ended' || errorOf(message) !== undefined),
        map((message) => {
          if (message.type === 'channel.ended') throw errorOf(message);
          return message;
        }),
      );
    });
    return this.#subscribers.by(messages$);
  }

  /** Adds a client, which receives nothing before it joins, in place of its former cursor. */
  enter(flow: ClientFlow, member: ChannelMember, former: ChannelCursor | undefined, watch?: boolean): ChannelCursor {
    const cursor = new ChannelCursor(flow, member, this);
    cursor.isWatching = watch ?? former?.isWatching === true;
    if (former) {
      this.comeBack(former);
      former.end();
      this.#cursors.delete(former);
    } else this.#members.add(member);
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Confirms the membership of a client, and sends the messages that it missed. */
  join(cursor: ChannelCursor, flow: ClientFlow, join: ChannelJoin): MaybeAsync<void> {
    // A client that receives no page now needs the first position only.
    const mayReceive = !flow.isFull;
    const slice = mayReceive ? flow.during(PART_BYTES, this.#readFirst(join, PART_BYTES)) : this.#readFirst(join, 1);
    return chain(slice, (first) => {
      if (this.#cursors.has(cursor)) cursor.begin(join, first, mayReceive);
    });
  }

  leave(cursor: ChannelCursor): void {
    this.comeBack(cursor);
    this.end(cursor);
  }

  /** Ends the presence of a client after `grace` ms, unless it comes back. It stays a client. */
  goAway(cursor: ChannelCursor, grace: number): void {
    if (this.#absences.has(cursor)) return;
    const absence: Absence = { timer: undefined, left: undefined };
    this.#absences.set(cursor, absence);
    const vanish = (): void => {
      absence.left = this.#members.remove(cursor.member);
      if (!this.#cursors.has(cursor)) this.end(cursor);
    };
    if (grace === 0) vanish();
    else absence.timer = inBackground(this.scheduler).schedule(vanish, Math.min(grace, MAX_DELAY));
  }

  comeBack(cursor: ChannelCursor): void {
    const absence = this.#absences.get(cursor);
    if (!absence) return;
    this.#absences.delete(cursor);
    absence.timer?.unsubscribe();
    if (absence.left) this.#members.add(absence.left);
  }

  /** Removes a client whose wire has ended. Its member stays until its grace is over. */
  end(cursor: ChannelCursor): void {
    cursor.end();
    this.#cursors.delete(cursor);
    const absence = this.#absences.get(cursor);
    if (!absence) this.#members.remove(cursor.member);
    else if (absence.left) this.#absences.delete(cursor);
    this.#closeIfEmpty();
  }

  update(member: string, state: unknown): void {
    this.#members.update(member, state);
  }

  broadcast(message: Message): void {
    this.#deliver({ message });
  }

  #caughtUp(): void {
    const { position } = this.tail;
    if (position) for (const cursor of this.live) cursor.caughtUp(position);
  }

  #closeIfEmpty(): void {
    if (this.#cursors.size > 0 || this.#absences.size > 0 || this.#subscribers.isActive()) return;
    this.#subscriptions.unsubscribe();
    this.#options.onEmpty(this.name);
  }

  #readFirst(join: ChannelJoin, maxBytes: number): MaybeAsync<ChannelSlice> {
    const isKeyed = this.#options.isKeyed(this.name);
    return chain(this.read({ ...queryOfJoin(join, this.#options.maxReplay, isKeyed), maxBytes }), (slice) => {
      if (slice.isComplete || !isKeyed) return slice;
      // The client has missed that keys were removed: it gets all keys again.
      return chain(this.read({ after: 'start', limit: PAGE_SIZE }), (whole) => ({ ...whole, isComplete: false }));
    });
  }

  #announce(change: PresenceChange): void {
    const messages = presenceMessages(this.name, change);
    for (const { wire, isWatching, isJoined } of this.#cursors)
      if (isWatching && isJoined) messages.forEach((message) => wire.next(message));
    this.#changes$.next(change);
  }

  #presenceAfter(change: PresenceChange): Presence {
    const members = this.members();
    return { members, others: members, ...change };
  }

  #deliver(entry: SteppedEntry | ChannelBroadcast): void {
    if (entry.offset === undefined) {
      const message = ephemeralMessage(this.name, entry.message);
      const recipient = recipientOf(entry.message);
      // A client that is joining is not present yet.
      for (const { wire, member, isJoined } of this.#cursors)
        if (isJoined && (recipient === undefined || member.id === recipient)) wire.next(message);
    } else if (this.live.size > 0) {
      const message = deliveryMessage(this.name, entry, entry.after);
      const size = estimateSize(entry.message);
      for (const cursor of this.live) cursor.next(message, entry, size);
    }
    if (this.#entries$.observed) this.#entries$.next(entry);
  }
}

/** Returns what to read first for a subscriber of the server. */
function queryOfStart(start: ChannelStart): ChannelQuery {
  if (start === 'start') return { after: start, limit: PAGE_SIZE };
  if (typeof start === 'object' && 'last' in start) return { limit: start.last };
  const after = positionOf(start);
  return after ? { after, limit: PAGE_SIZE } : { limit: 0 };
}

/** Returns what to read first for a join: of a keyed channel all, of others the latest messages. */
function queryOfJoin({ after, start, history = 0 }: ChannelJoin, maxReplay: number, isKeyed: boolean): ChannelQuery {
  if (after) return { after, limit: PAGE_SIZE };
  return start || (isKeyed && history === 0) ? { after: 'start', limit: PAGE_SIZE } : { limit: Math.min(history, maxReplay) };
}
