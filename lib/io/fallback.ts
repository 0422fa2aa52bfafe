import {
  defer,
  type SchedulerLike,
  catchError,
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
} from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import { MAX_DELAY } from '../operators/timing/coalescedTimer.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import { describedBy, type DescribedLink, type Frame, type Link } from './link.js';
import { ConnectionLostError, NoWebSocketError, RxwireError, UnsupportedError } from '../message/errors.js';
import { longTimer } from '../operators/timing/longTimer.js';
import { ABNORMAL, isReconnectable, UNSUPPORTED_DATA } from '../message/closeCode.js';

export interface FallbackOptions {
  /**
   * The time in which a link must receive something, in ms; then the next one is tried.
   * @default
   * 4_000
   */
  readonly timeout?: number;
  /**
   * The time after which better links are tried again, in ms. It doubles after each failure, up to
   * an hour. A WebSocket takes over when it is open; the connection in use is not interrupted
   * before. Server-sent events take over at once, and give way again if nothing arrives within
   * `timeout`.
   * @default 60_000
   */
  readonly upgradeAfter?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

type Candidate = Link<Frame> & DescribedLink;

/**
 * Uses the first of several links that works; the best one comes first. A link works when it has
 * received something: the server of a session answers at once. With `envelopeProtocol`, a server
 * that does not answer the hello must send something within `timeout`. The next connection starts
 * with the link that worked, which is kept in memory only. A working link that fails is lost, as
 * any link: a client that reconnects, as `connect` does, uses the next link that works, and the
 * session continues.
 *
 * Its `protocol` and `endpoint` are those of the link in use.
 *
 * @param args The links, optionally followed by {@link FallbackOptions}.
 * @throws {TypeError} At call time, without a link.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { fallback, longPolling, serverSentEvents, webSocket } from 'rxwire';
 *
 * const url = 'ws://127.0.0.1:4870/wire';
 * const link = fallback(webSocket(url), serverSentEvents(url), longPolling(url), {
 *   timeout: 3_000,
 * });
 */
export function fallback(...args: readonly Candidate[] | readonly [...links: Candidate[], options: FallbackOptions]): Candidate {
  const all: readonly (Candidate | FallbackOptions)[] = args;
  const links = all.filter((one) => typeof one === 'function');
  const options: FallbackOptions = all.find((one) => typeof one !== 'function') ?? {};
  checkOptions('fallback', options);
  const { timeout = 4_000, upgradeAfter = 60_000, scheduler = steadyScheduler() } = options;
  assertPositive('fallback', { timeout, upgradeAfter });
  if (links.length === 0) throw new TypeError('fallback: expected at least one link');

  const preference = createLinkPreference(upgradeAfter, scheduler);
  const use = createLinkSelector({ links, preference, scheduler, timeLimit: Math.min(timeout, MAX_DELAY) });
  const link: Link<Frame> = (outgoing) => defer(() => use(preference.start(), links.length, outgoing));
  return describedBy(link, () => links[preference.current]);
}

/** The maximum wait before better links are tried again, in ms. */
const MAX_WAIT = 3_600_000;

type LinkPreference = ReturnType<typeof createLinkPreference>;

/**
 * Remembers which link worked last, and when to retry better ones.
 *
 * @param first The first wait, in ms. It doubles after each failure.
 */
function createLinkPreference(first: number, { now }: Pick<SchedulerLike, 'now'>) {
  let best = 0;
  let triedAt = -Infinity;
  /** The number of attempts of the first link since it last worked. */
  let count = 0;
  const retryAt = (): number => triedAt + Math.min(first * 2 ** Math.max(0, count - 1), Math.max(first, MAX_WAIT));
  return {
    /** The index of the link in use. */
    current: 0,
    /** Returns the index of the link to start with. */
    start: () => (now() >= retryAt() ? 0 : best),
    onAttempt(index: number) {
      if (index > 0) return;
      count++;
      triedAt = now();
    },
    onSuccess(index: number) {
      best = index;
      if (index === 0) count = 0;
    },
    /** Returns the time until better links are tried again, in ms. */
    untilRetry: () => Math.max(0, retryAt() - now()),
  };
}

interface LinkSelectorOptions {
  readonly links: readonly Link<Frame>[];
  readonly preference: LinkPreference;
  /** The time in which a link must receive something, in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/** Uses one link or, until one works, those that follow: `left` in total. */
type UseLink = (index: number, left: number, outgoing: Observable<Frame>) => Observable<Frame>;

function createLinkSelector(options: LinkSelectorOptions): UseLink {
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
  return defer(() => longTimer(preference.untilRetry(), scheduler)).pipe(
    mergeMap(() => tried$),
    repeat({ delay: () => (isTaken ? EMPTY : of(true)) }),
  );
}

/** Returns false if the server has rejected this client or its messages. */
function shouldTryNext(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode) || error.closeCode === UNSUPPORTED_DATA;
  return !(error instanceof RxwireError) || error instanceof NoWebSocketError || error instanceof UnsupportedError;
}
