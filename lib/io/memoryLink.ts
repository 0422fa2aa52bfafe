import {
  asapScheduler,
  catchError,
  defer,
  finalize,
  ignoreElements,
  merge,
  observeOn,
  of,
  ReplaySubject,
  Subject,
  switchMap,
  takeUntil,
  tap,
  type SchedulerLike,
} from 'rxjs';
import { checkOptions } from '../message/development.js';
import { ConnectionLostError } from '../message/errors.js';
import { completionOf } from '../operators/subscribing/completionOf.js';
import { ABANDONED } from '../message/closeCode.js';
import type { Link } from './link.js';

export interface MemoryLinkOptions {
  /**
   * When a frame of one end reaches the other.
   * @default asapScheduler: at the end of the microtask
   */
  readonly scheduler?: SchedulerLike;
}

interface End {
  readonly inbox: Subject<unknown>;
  readonly peer$: ReplaySubject<End>;
}

/**
 * Creates two links in this process that are connected with each other. A connection opens when
 * both are subscribed to. A later subscription to one end waits for a new subscription to the other
 * end.
 *
 * @example
 * import { NEVER, of } from 'rxjs';
 * import { memoryLink } from 'rxwire';
 *
 * const [near, far] = memoryLink<string>();
 * far(of('hello')).subscribe();
 * near(NEVER).subscribe((text) => console.log(text)); // prints: hello
 */
export function memoryLink<A, B = A>(options: MemoryLinkOptions = {}): readonly [near: Link<A, B>, far: Link<B, A>] {
  checkOptions('memoryLink', options);
  const { scheduler = asapScheduler } = options;
  const waiting: [End[], End[]] = [[], []];
  return [link<A, B>(waiting[0], waiting[1], scheduler), link<B, A>(waiting[1], waiting[0], scheduler)];
}

function link<Out, In>(mine: End[], others: End[], scheduler: SchedulerLike): Link<Out, In> {
  return (outgoing) =>
    defer(() => {
      const end: End = { inbox: new Subject(), peer$: new ReplaySubject(1) };
      let peer: End | undefined;

      const leave = (): void => {
        if (mine.includes(end)) mine.splice(mine.indexOf(end), 1);
        peer?.inbox.error(new ConnectionLostError(ABANDONED, ''));
      };
      // In order with what the peer has sent before: an ack may be among it.
      const ended$ = completionOf(end.inbox.pipe(observeOn(scheduler))).pipe(catchError(() => of(true)));
      const sent$ = end.peer$.pipe(
        tap((found) => (peer = found)),
        switchMap(({ inbox }) =>
          outgoing.pipe(
            tap({
              next: (value) => inbox.next(value),
              // For any other error, the peer receives only the end of the connection.
              error: (error: unknown) => error instanceof ConnectionLostError && inbox.error(error),
              complete: () => {
                inbox.complete();
                end.inbox.complete();
              },
            }),
            takeUntil(ended$),
            ignoreElements(),
          ),
        ),
      );
      const received$ = end.inbox.pipe(observeOn(scheduler));
      const meet$ = defer(() => {
        meet(end, mine, others);
        return [];
      });
      return merge(received$, sent$, meet$).pipe(finalize(leave));
    }) as ReturnType<Link<Out, In>>;
}

function meet(end: End, mine: End[], others: End[]): void {
  const peer = others.shift();
  if (!peer) return void mine.push(end);
  end.peer$.next(peer);
  end.peer$.complete();
  peer.peer$.next(end);
  peer.peer$.complete();
}
