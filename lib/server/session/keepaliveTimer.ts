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
  /**
   * Begins to check, half an interval after the last check of the session or up to an eighth of
   * that sooner.
   */
  add(session: Checked, checkedAt: number): void;
  /** Ends the checks of a session, and does not let it hibernate. */
  remove(session: Checked): void;
  /**
   * Lets a session hibernate after `hibernateAfter` ms. A new session hibernates after {@link
   * NEW_SESSION} ms, so that thousands of clients that connect at once do not all take the memory
   * of a session that is awake.
   */
  settle(session: Checked, isNew: boolean): void;
}

/** How long a session stays awake after its handshake, at most, in ms. */
const NEW_SESSION = 20;

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
  const newSessions = createSettling(Math.min(NEW_SESSION, hibernateAfter), scheduler);
  const sessions = createSettling(hibernateAfter, scheduler);
  return {
    settle(session, isNew) {
      if (hibernateAfter < Infinity) (isNew ? newSessions : sessions).add(session);
    },
    add(session, checkedAt) {
      const now = scheduler.now();
      if (count++ === 0) start(now);
      const steps = Math.min(PARTS, Math.max(1, Math.floor((checkedAt + half - now) / step)));
      session.part = (at + steps) % PARTS;
      parts[session.part]?.add(session);
    },
    remove(session) {
      newSessions.remove(session);
      sessions.remove(session);
      if (parts[session.part]?.delete(session) && --count === 0) timer.unsubscribe();
    },
  };
}

/** Lets sessions hibernate after a moment, with one timer. */
function createSettling(moment: number, scheduler: SchedulerLike) {
  let settling = new Set<Checked>();
  const timer = createCoalescedTimer(scheduler, () => {
    const all = settling;
    settling = new Set();
    for (const session of all) session.hibernate();
  });
  return {
    add(session: Checked): void {
      settling.add(session);
      timer.set(moment);
    },
    remove(session: Checked): void {
      if (settling.delete(session) && settling.size === 0) timer.clear();
    },
  };
}
