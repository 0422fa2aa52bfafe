import {
  BehaviorSubject,
  concat,
  concatAll,
  defer,
  dematerialize,
  distinctUntilChanged,
  EMPTY,
  filter,
  finalize,
  map,
  materialize,
  merge,
  mergeMap,
  NEVER,
  of,
  pipe,
  ReplaySubject,
  Subject,
  Subscription,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableNotification,
  type SchedulerLike,
} from 'rxjs';
import { assertNotNegative, checkOptions } from '../../message/development.js';
import { ConnectionLostError } from '../../message/errors.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { ABNORMAL } from '../../message/closeCode.js';
import { describedBy, type DescribedLink, type Frame, type Link } from '../../io/link.js';

/** A network carries frames, refuses each connection, or loses each frame without a word. */
export type LinkCondition = 'up' | 'cut' | 'black hole';

/** Faults for links. All links that {@link LinkFaults.layer} has wrapped suffer them together. */
export interface LinkFaults {
  /** The condition now. */
  readonly condition: LinkCondition;
  /** Emits the condition now, and at each change. */
  readonly condition$: Observable<LinkCondition>;
  /** Wraps a link, so that its connections suffer the faults. Its description stays the same. */
  readonly layer: (link: Link<Frame> & DescribedLink) => Link<Frame> & DescribedLink;
  /** Loses each connection, with the close code 1006, and refuses others until {@link restore}. */
  readonly cut: () => void;
  /** Loses each connection. Another one can open at once. */
  readonly drop: () => void;
  /**
   * Loses each frame from now on, in both directions, without notice to either end. New connections
   * wait. After {@link restore}, a connection that has lost a frame carries none any more, as one
   * of TCP does: its ends find out by their heartbeats.
   */
  readonly blackhole: () => void;
  /** Delays each frame by this time in each direction, and up to `jitter` ms more, in order. */
  readonly lag: (ms: number, jitter?: number) => void;
  /** Ends a cut, and a black hole. A lag stays. */
  readonly restore: () => void;
}

export interface LinkFaultsOptions {
  /** The scheduler of the delays. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** The source of the jitter: numbers from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Creates faults for links: for a test, or for a page that shows what its application does on a bad
 * network. They work with links in memory and with real ones.
 *
 * @throws {RangeError} By `lag`, if a time is negative.
 * @example
 * import { connect, webSocket } from 'rxwire';
 * import { linkFaults } from 'rxwire/testing';
 *
 * const faults = linkFaults();
 * const wire = connect({ link: faults.layer(webSocket('ws://127.0.0.1:4870/wire')) });
 * faults.cut();
 * setTimeout(() => faults.restore(), 2_000);
 */
export function linkFaults(options: LinkFaultsOptions = {}): LinkFaults {
  checkOptions('linkFaults', options);
  const { scheduler = steadyScheduler(), random = Math.random } = options;
  const condition$ = new BehaviorSubject<LinkCondition>('up');
  const lost$ = new Subject<void>();
  let delay = { lag: 0, jitter: 0 };

  /**
   * One direction of a connection. The end of the connection, as its sender announces it, travels
   * behind the frames; if it gets lost, `closed$` ends the link of the sender, who knows it.
   */
  const travel = (closed$?: Subject<never>): MonoTypeOperatorFunction<Frame> => {
    let isLost = false;
    let lastDue = 0;
    const carry = (sent: ObservableNotification<Frame>): Observable<ObservableNotification<Frame>> => {
      isLost ||= condition$.value === 'black hole';
      if (isLost) {
        if (sent.kind === 'E') closed$?.error(sent.error);
        else if (sent.kind === 'C') closed$?.complete();
        return EMPTY;
      }
      const due = (lastDue = Math.max(lastDue, scheduler.now() + delay.lag + (delay.jitter && random() * delay.jitter)));
      return defer(() => (due > scheduler.now() ? timer(due - scheduler.now(), scheduler).pipe(map(() => sent)) : of(sent)));
    };
    return pipe(materialize(), map(carry), concatAll(), (carried$) => concat(carried$, NEVER), dematerialize());
  };
  const open = (link: Link<Frame>, outgoing: Observable<Frame>): Observable<Frame> =>
    defer(() => {
      const closed$ = new ReplaySubject<never>();
      const sent$ = new Subject<Frame>();
      const sending = new Subscription();
      // A link that has received the end accepts no more frames. Until it has received the end,
      // this side closes the connection itself.
      const send = (): Observable<never> => {
        const next = (frame: Frame): void => sent$.next(frame);
        const error = (cause: unknown): void => (sent$.observed ? sent$ : closed$).error(cause);
        const complete = (): void => (sent$.observed ? sent$ : closed$).complete();
        sending.add(outgoing.subscribe({ next, error, complete }));
        return EMPTY;
      };
      const received$ = link(merge(sent$.pipe(travel(closed$)), defer(send)));
      const arrived$ = received$.pipe(travel(), tap({ complete: () => closed$.complete() }));
      return merge(arrived$, lost(), closed$).pipe(
        takeUntil(completionOf(closed$)),
        finalize(() => sending.unsubscribe()),
      );
    });
  const lost = (): Observable<never> =>
    lost$.pipe(mergeMap(() => throwError(() => new ConnectionLostError(ABNORMAL, 'the test has cut the connection'))));
  const refuse = throwError(() => new ConnectionLostError(ABNORMAL, 'the network is cut'));

  return {
    get condition() {
      return condition$.value;
    },
    condition$: condition$.pipe(distinctUntilChanged()),
    layer(link) {
      const faulty: Link<Frame> = (outgoing) =>
        condition$.pipe(
          filter((condition) => condition !== 'black hole'),
          take(1),
          switchMap((condition) => (condition === 'cut' ? refuse : open(link, outgoing))),
        );
      return describedBy(faulty, () => link);
    },
    cut() {
      condition$.next('cut');
      lost$.next();
    },
    drop: () => lost$.next(),
    blackhole: () => condition$.next('black hole'),
    lag(ms, jitter = 0) {
      assertNotNegative('lag', { ms, jitter });
      delay = { lag: ms, jitter };
    },
    restore: () => condition$.next('up'),
  };
}
