import { type SchedulerLike, Subject, take, mergeMap } from 'rxjs';
import { type MaybeAsync, asObservable } from '../../message/maybeAsync.js';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';

/** Runs the work of one client: now, or in a later turn of the event loop. */
export type ClientTurn = <T>(work: () => MaybeAsync<T>) => MaybeAsync<T>;

/** How long the work of one client may take in one turn of the event loop, in ms. */
const MAX_TIME = 6;
/** The time after which the hub finds out whether it is another turn, in ms. */
const MIN_TIME = MAX_TIME / 2;
/** The time between two turns of slow clients, in ms: they get a quarter of the time. */
const PAUSE = 3 * MAX_TIME;

/**
 * Divides the work of clients among turns of the event loop: a client may send hundreds of requests
 * in one frame. Clients with more work continue one after the other.
 */
export function createClientTurns(scheduler: SchedulerLike): () => ClientTurn {
  /** The number of the turn, as far as it matters. */
  let current = 0;
  const waiting = new Set<Subject<undefined>>();
  const nextTurn = createCoalescedTimer(scheduler, () => current++);
  const nextClient = createCoalescedTimer(scheduler, () => {
    const [turn$] = waiting;
    if (!turn$) return;
    waiting.delete(turn$);
    if (waiting.size > 0) nextClient.set(PAUSE);
    turn$.next(undefined);
  });

  return () => {
    let [turn, begun, last] = [0, -Infinity, -Infinity];
    const begin = (now: number): void => {
      turn = current;
      begun = now;
    };
    return (work) => {
      const now = scheduler.now();
      if (turn !== current || now - last >= MIN_TIME) begin(now);
      last = now;
      if (now - begun < MIN_TIME) return work();
      nextTurn.set(0);
      if (now - begun < MAX_TIME) return work();
      const turn$ = new Subject<undefined>();
      waiting.add(turn$);
      nextClient.set(PAUSE);
      return turn$.pipe(
        take(1),
        mergeMap(() => {
          begin((last = scheduler.now()));
          return asObservable(work);
        }),
      );
    };
  };
}
