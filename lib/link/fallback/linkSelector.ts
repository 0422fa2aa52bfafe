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
import { ABNORMAL, isReconnectable, UNSUPPORTED_DATA } from '../closeCode.js';
import type { Frame, Link } from '../link.js';
import type { LinkPreference } from './linkPreference.js';

export interface LinkSelectorOptions {
  readonly links: readonly Link<Frame>[];
  readonly preference: LinkPreference;
  /** The time in which a link must receive something, in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/** Uses one link or, until one works, those that follow: `left` in total. */
export type UseLink = (index: number, left: number, outgoing: Observable<Frame>) => Observable<Frame>;

export function createLinkSelector(options: LinkSelectorOptions): UseLink {
  const { links, preference } = options;
  const use: UseLink = (index, left, outgoing) =>
    defer(() => {
      const working$ = new Subject<void>();
      const completed$ = new Subject<void>();
      const replaced$ = new Subject<void>();
      let isWorking = false;

      const work = (): void => {
        if (isWorking) return;
        isWorking = true;
        preference.onSuccess(index);
        working$.next();
      };
      const lose = (error: unknown): Observable<Frame> =>
        isWorking || left === 1 || !shouldTryNext(error) ? throwError(() => error) : use((index + 1) % links.length, left - 1, outgoing);

      const frames$ = openLink(index, outgoing, options).pipe(
        tap({ next: work, complete: () => completed$.next() }),
        takeUntil(replaced$),
        catchError(lose),
      );
      const better$ = index === 0 ? EMPTY : retryBetter(index, outgoing, () => replaced$.next(), use, options);
      return merge(
        working$.pipe(
          take(1),
          switchMap(() => better$),
          takeUntil(completed$),
        ),
        frames$,
      );
    });
  return use;
}

/** Opens one link. It is the link in use once it subscribes to the outgoing frames. */
function openLink(
  index: number,
  outgoing: Observable<Frame>,
  { links, preference, timeLimit, scheduler }: LinkSelectorOptions,
): Observable<Frame> {
  const asked$ = defer(() => {
    preference.current = index;
    return outgoing;
  });
  return defer(() => {
    preference.onAttempt(index);
    return (links[index] as Link<Frame>)(asked$);
  }).pipe(
    timeout({ first: timeLimit, scheduler, with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'no frame arrived in time')) }),
  );
}

/**
 * Periodically tries the links before `index`, until one takes over. Then `onTaken` ends the link
 * in use.
 */
function retryBetter(
  index: number,
  outgoing: Observable<Frame>,
  onTaken: () => void,
  use: UseLink,
  { links, preference, scheduler }: LinkSelectorOptions,
): Observable<Frame> {
  let isTaken = false;
  let isWorking = false;
  const replaced$ = defer(() => {
    isTaken = true;
    onTaken();
    return outgoing;
  });
  const lose = (error: unknown): Observable<Frame> => {
    if (isWorking) return throwError(() => error);
    return isTaken ? use(index, links.length, outgoing) : EMPTY;
  };
  const tried$ = defer(() => use(0, index, replaced$)).pipe(
    tap(() => (isWorking = true)),
    catchError(lose),
  );
  return defer(() => after(preference.untilRetry(), scheduler)).pipe(
    mergeMap(() => tried$),
    repeat({ delay: () => (isTaken ? EMPTY : of(true)) }),
  );
}

/** Returns false if the server has rejected this client or its messages. */
function shouldTryNext(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode) || error.closeCode === UNSUPPORTED_DATA;
  return !(error instanceof RxwireError) || error instanceof NoWebSocketError || error instanceof UnsupportedError;
}
