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
  /** Begins to check, half an interval after the last check of the session or up to an eighth of that sooner. */
  add(session: Checked, checkedAt: number): void;
  /** Ends the checks of a session, and does not let it hibernate. */
  remove(session: Checked): void;
  /** Lets a session hibernate after `moment` ms. For a session that was connected, or has woken up. */
  settle(session: Checked): void;
}

/** The sessions are checked in so many parts, one after the other. */
const PARTS = 8;

/** @param hibernateAfter How long a session stays awake behind `settle`, in ms. */
export function createKeepaliveTimer(every: number, scheduler: SchedulerLike, hibernateAfter: number): KeepaliveTimer {
  const half = every / 2;
  const parts = Array.from({ length: PARTS }, () => new Set<Checked>());
  let count = 0;
  let timer = Subscription.EMPTY;
  /** The part that was checked last. */
  let at = 0;
  /** When each part is to be checked. */
  const due: number[] = [];
  const step = half / PARTS;

  const start = (now: number): void => {
    for (let steps = 1; steps <= PARTS; steps++) due[(at + steps) % PARTS] = now + steps * step;
    timer = interval(step, scheduler).subscribe(check);
  };
  const check = (): void => {
    const now = scheduler.now();
    at = (at + 1) % PARTS;
    const isLate = now - (due[at] as number) > half;
    due[at] = now + half;
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
      settled.set(hibernateAfter);
    },
    add(session, checkedAt) {
      const now = scheduler.now();
      if (count++ === 0) start(now);
      const steps = Math.min(PARTS, Math.max(1, Math.floor((checkedAt + half - now) / step)));
      session.part = (at + steps) % PARTS;
      parts[session.part]?.add(session);
    },
    remove(session) {
      if (settling.delete(session) && settling.size === 0) settled.clear();
      if (parts[session.part]?.delete(session) && --count === 0) timer.unsubscribe();
    },
  };
}
