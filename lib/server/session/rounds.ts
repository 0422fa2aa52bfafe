import { interval, Subscription, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';

/** Whoever is looked after. */
export interface Resident {
  /** Where it is found: nobody else writes here. */
  part: number;
  /** @param isLate Whether this look is late by more than another. */
  look(isLate: boolean): void;
  /** It has been here for a moment: it may sleep. */
  sleep(): void;
}

/** Looks after many, each every half interval, with one timer. */
export interface Rounds {
  /** From now on; the first look comes after half an interval, or, when it was heard a moment ago, somewhat sooner. */
  add(resident: Resident, wasHeard: boolean): void;
  remove(resident: Resident): void;
  /** It has just come. */
  welcome(resident: Resident): void;
}

/** How long those who have just come are left alone, in ms. */
const MOMENT = 20;

/** In so many parts all are looked after, one after the other. */
const PARTS = 8;

export function createRounds(every: number, scheduler: SchedulerLike): Rounds {
  const half = every / 2;
  const parts = Array.from({ length: PARTS }, () => new Set<Resident>());
  let count = 0;
  let walking = Subscription.EMPTY;
  let at = 0;
  let due = 0;

  const look = (): void => {
    const now = scheduler.now();
    const isLate = now - due > half;
    due = now + half / PARTS;
    at = (at + 1) % PARTS;
    for (const resident of parts[at] as Set<Resident>) resident.look(isLate);
  };
  let newcomers: Resident[] = [];
  const settling = createCoalescedTimer(scheduler, () => {
    const all = newcomers;
    newcomers = [];
    for (const resident of all) resident.sleep();
  });
  return {
    welcome(resident) {
      newcomers.push(resident);
      settling.set(MOMENT);
    },
    add(resident, wasHeard) {
      if (count++ === 0) {
        due = scheduler.now() + half / PARTS;
        walking = interval(half / PARTS, scheduler).subscribe(look);
      }
      resident.part = wasHeard ? (at + PARTS - 1) % PARTS : at;
      parts[resident.part]?.add(resident);
    },
    remove(resident) {
      if (parts[resident.part]?.delete(resident) && --count === 0) walking.unsubscribe();
    },
  };
}
