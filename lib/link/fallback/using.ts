import {
  catchError,
  defer,
  EMPTY,
  merge,
  mergeMap,
  of,
  repeat,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ConnectionLostError, NoWebSocketError, RxwireError, UnsupportedError } from '../../errors.js';
import { after } from '../../internal/after.js';
import { ABNORMAL, CloseCode, isReconnectable } from '../closeCode.js';
import type { Frame, Link } from '../link.js';
import type { Preference } from './preference.js';

export interface UsingOptions {
  readonly links: readonly Link<Frame>[];
  readonly preference: Preference;
  /** How long a link may take until something has come over it, in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/** Uses one link or, while none has worked, those that follow: `left` in all. */
export type Using = (index: number, left: number, outgoing: Observable<Frame>) => Observable<Frame>;

export function createUsing(options: UsingOptions): Using {
  const { links, preference } = options;
  const use: Using = (index, left, outgoing) =>
    defer(() => {
      const worked$ = new Subject<void>();
      const over$ = new Subject<void>();
      const taken$ = new Subject<void>();
      let hasWorked = false;

      const work = (): void => {
        if (hasWorked) return;
        hasWorked = true;
        preference.works(index);
        worked$.next();
      };
      const lose = (error: unknown): Observable<Frame> =>
        hasWorked || left === 1 || !mayAnotherWork(error) ? throwError(() => error) : use((index + 1) % links.length, left - 1, outgoing);

      const frames$ = carry(index, outgoing, options).pipe(
        tap({ next: work, complete: () => over$.next() }),
        takeUntil(taken$),
        catchError(lose),
      );
      const better$ = index === 0 ? EMPTY : upward(index, outgoing, () => taken$.next(), use, options);
      return merge(
        worked$.pipe(
          take(1),
          switchMap(() => better$),
          takeUntil(over$),
        ),
        frames$,
      );
    });
  return use;
}

/** One link. It is the one in use from when it asks for what is to be sent. */
function carry(index: number, outgoing: Observable<Frame>, { links, preference, timeLimit, scheduler }: UsingOptions): Observable<Frame> {
  const asked$ = defer(() => {
    preference.current = index;
    return outgoing;
  });
  return defer(() => {
    preference.tries(index);
    return (links[index] as Link<Frame>)(asked$);
  }).pipe(
    timeout({ first: timeLimit, scheduler, with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'nothing came in time')) }),
  );
}

/** From time to time tries those before `index`, until one takes over: `onTaken` is then the end of the one in use. */
function upward(
  index: number,
  outgoing: Observable<Frame>,
  onTaken: () => void,
  use: Using,
  { links, preference, scheduler }: UsingOptions,
): Observable<Frame> {
  let isTaken = false;
  let hasWorked = false;
  const taken$ = defer(() => {
    isTaken = true;
    onTaken();
    return outgoing;
  });
  const lose = (error: unknown): Observable<Frame> => {
    if (hasWorked) return throwError(() => error);
    return isTaken ? use(index, links.length, outgoing) : EMPTY;
  };
  const tried$ = defer(() => use(0, index, taken$)).pipe(
    tap(() => (hasWorked = true)),
    catchError(lose),
  );
  return defer(() => after(preference.wait(), scheduler)).pipe(
    mergeMap(() => tried$),
    repeat({ delay: () => (isTaken ? EMPTY : of(true)) }),
  );
}

/** Not when the server has refused this client, or what it says. */
function mayAnotherWork(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode) || error.closeCode === CloseCode.PROTOCOL_ERROR;
  return !(error instanceof RxwireError) || error instanceof NoWebSocketError || error instanceof UnsupportedError;
}
