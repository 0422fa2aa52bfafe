import { interval, Subscription, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';

/** A session that is checked at intervals. */
export interface Checked {
  /** The part of the timer that contains the session. Only the timer writes this field. */
  part: number;
  /** @param isLate Whether this check is late by more than the time between two checks. */
  check(isLate: boolean): void;
  /** Hibernates, if the session has nothing to do. */
  hibernate(): void;
}

/** Checks all sessions with one timer, each session twice in an interval. */
export interface KeepaliveTimer {
  /** Adds a session. Its first check runs after half an interval, or an eighth of that earlier when the client has just sent a frame. */
  add(session: Checked, wasHeard: boolean): void;
  /** Removes a session: the timer neither checks it nor lets it hibernate. */
  remove(session: Checked): void;
  /** Lets a session hibernate after `moment` ms. For a session that was connected, or has woken up. */
  settle(session: Checked): void;
}

/** How long a session that has nothing to do stays awake by default, in ms. */
const MOMENT = 2_000;

/** The number of parts in which the sessions are checked, one after the other. */
const PARTS = 8;

/** @param moment How long a session stays awake after `settle`, in ms. */
export function createKeepaliveTimer(every: number, scheduler: SchedulerLike, moment = MOMENT): KeepaliveTimer {
  const half = every / 2;
  const parts = Array.from({ length: PARTS }, () => new Set<Checked>());
  let count = 0;
  let timer = Subscription.EMPTY;
  let at = 0;
  let due = 0;

  const check = (): void => {
    const now = scheduler.now();
    const isLate = now - due > half;
    due = now + half / PARTS;
    at = (at + 1) % PARTS;
    for (const session of parts[at] as Set<Checked>) session.check(isLate);
  };
  let settling = new Set<Checked>();
  const settled = createCoalescedTimer(scheduler, () => {
    const all = settling;
    settling = new Set();
    for (const session of all) session.hibernate();
  });
  return {
    settle(session) {
      settling.add(session);
      settled.set(moment);
    },
    add(session, wasHeard) {
      if (count++ === 0) {
        due = scheduler.now() + half / PARTS;
        timer = interval(half / PARTS, scheduler).subscribe(check);
      }
      session.part = wasHeard ? (at + PARTS - 1) % PARTS : at;
      parts[session.part]?.add(session);
    },
    remove(session) {
      if (settling.delete(session) && settling.size === 0) settled.clear();
      if (parts[session.part]?.delete(session) && --count === 0) timer.unsubscribe();
    },
  };
}
