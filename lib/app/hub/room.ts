import { asapScheduler, asyncScheduler, noop, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { chain, type Later } from '../../internal/later.js';
import { whileUsed } from '../../internal/whileUsed.js';
import type { ChannelJoin, ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { Presence } from '../channels/presence.js';
import type { ChannelEntry, ChannelLog, ChannelSlice } from './channelLog.js';
import { follow, type Head } from './follow.js';
import { createAttendance } from './presence.js';
import { replay, sendList, type Seat } from './seats.js';
import { deliveryMessage, presenceMessage } from './sent.js';

/** A channel for as long as there is somebody in it. */
export interface Room {
  /** Clients in it. */
  readonly size: number;
  /** What is published from now on; for the server itself. */
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  /** Lets a client in, or tells it again that it is, and sends it what it has missed. */
  enter(wire: Wire, member: ChannelMember, join: ChannelJoin): Later<void>;
  leave(wire: Wire): void;
  watch(wire: Wire, isWatching: boolean): void;
}

export interface RoomOptions {
  readonly log: ChannelLog;
  readonly maxReplay: number;
  readonly scheduler?: SchedulerLike;
  readonly microtask?: SchedulerLike;
  /** Told when the log has failed. */
  readonly onFailed: (error: unknown) => void;
  /** Nobody is in it any more. */
  readonly onEmpty: () => void;
}

export function createRoom(name: string, { microtask = asapScheduler, ...options }: RoomOptions): Room {
  const { log, maxReplay, onEmpty } = options;
  const seats = new Map<Wire, Seat>();
  const attendance = createAttendance(microtask, ({ entered, left }) => {
    const message = presenceMessage({ channel: name, entered, left: left.map(({ id }) => id) });
    for (const { wire, isWatching } of seats.values()) if (isWatching) wire.next(message);
  });
  const visitors = whileUsed(noop, () => closeIfEmpty());
  const course = createCourse(name, seats, options);
  const closeIfEmpty = (): void => {
    if (seats.size > 0 || visitors.isUsed()) return;
    course.end();
    onEmpty();
  };
  const list = (seat: Seat): void => {
    if (seat.isWatching && !seat.waiting) sendList(name, seat, attendance.members());
  };

  return {
    get size() {
      return seats.size;
    },
    messages$: visitors.by(course.messages$),
    presence$: visitors.by(attendance.presence$),
    enter(wire, member, join) {
      const { after, history = 0, watch: isWatching = false } = join;
      const seat: Seat = { wire, member, isWatching, waiting: [] };
      if (!seats.has(wire)) attendance.enter(member);
      seats.set(wire, seat);
      const limit = after ? maxReplay : Math.min(history, maxReplay);
      return chain(log.read(name, { after, limit }), (slice) => {
        if (seats.get(wire) !== seat) return;
        course.begin(slice);
        replay(name, seat, join, slice);
        list(seat);
      });
    },
    leave(wire) {
      const seat = seats.get(wire);
      if (!seat) return;
      seats.delete(wire);
      attendance.leave(seat.member);
      closeIfEmpty();
    },
    watch(wire, isWatching) {
      const seat = seats.get(wire);
      if (seat) list(Object.assign(seat, { isWatching }));
    },
  };
}

/** Hands on what the log has, to all seats, in order. */
function createCourse(name: string, seats: ReadonlyMap<Wire, Seat>, options: Omit<RoomOptions, 'microtask' | 'onEmpty'>) {
  const { log, maxReplay, scheduler = asyncScheduler, onFailed } = options;
  const messages$ = new Subject<Message>();
  const head: Head = { position: undefined };

  const deliver = (entry: ChannelEntry): void => {
    const { position } = head;
    const message = deliveryMessage(name, entry, entry.epoch === position?.epoch ? position.offset : entry.offset - 1);
    head.position = entry;
    for (const seat of seats.values()) {
      if (!seat.waiting) seat.wire.next(message);
      else if (seat.waiting.push(message) > maxReplay) seat.waiting.shift();
    }
    messages$.next(entry.message);
  };
  const tail = follow(log, name, { head, limit: maxReplay, scheduler, onFailed }).subscribe(deliver);
  return {
    messages$,
    /** What comes next comes behind this, where nothing has come yet. */
    begin: ({ epoch, last }: ChannelSlice): void => void (head.position ??= { epoch, offset: last }),
    end: (): void => tail.unsubscribe(),
  };
}
