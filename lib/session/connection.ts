import { defer, finalize, map, merge, Subject, switchMap, takeUntil, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { after } from '../internal/after.js';
import { endOf } from '../internal/endOf.js';
import { HELLO_TIMEOUT } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import { heartbeat } from './heartbeat.js';

/** One connection of a session, while it is open. */
export interface Connection {
  send(frame: Frame): void;
  /** Says goodbye. */
  close(): void;
  /** Ends it, and tells the other side why. */
  fail(error: unknown): void;
  /** Something came. */
  hear(): void;
  /** The other side may send: what comes before that breaks the rules. */
  welcome(): void;
  readonly isWelcome: boolean;
  /** We may send. From now on each side must be heard every `ping` ms. */
  agree(ping: number): void;
  readonly isAgreed: boolean;
  /** What came over it, and is not read yet, has no effect any more. */
  readonly isOver: boolean;
}

export interface ConnectionOptions {
  readonly onOpen: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
  /** Whether there is a reason to ask the other side even though it is heard. */
  readonly isWaiting: () => boolean;
  readonly ping: () => void;
  /** How long the handshake may take, in ms: until then no heartbeat finds that nothing arrives. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
}

/** What goes to the other side, for a link to subscribe to while it is open: each time it is another connection. */
export function connection({ onOpen, onClosed, isWaiting, ping, helloTimeout, scheduler }: ConnectionOptions): Observable<Frame> {
  return defer(() => {
    const frames$ = new Subject<Frame>();
    const agreed$ = new Subject<number>();
    let isHeard = true;

    const wasHeard = (): boolean => {
      const was = isHeard;
      isHeard = false;
      return was;
    };
    const mine = {
      isWelcome: false,
      isAgreed: false,
      isOver: false,
      send: (frame: Frame) => frames$.next(frame),
      close: () => frames$.complete(),
      fail: (error: unknown) => frames$.error(error),
      hear: () => void (isHeard = true),
      welcome: () => void (mine.isWelcome = true),
      agree(every: number) {
        mine.isAgreed = true;
        agreed$.next(every);
      },
    };
    const beat$ = agreed$.pipe(switchMap((every) => heartbeat({ every, wasHeard, isWaiting, ping, scheduler })));
    const late$ = after(helloTimeout, scheduler).pipe(
      takeUntil(agreed$),
      map((): never => {
        throw new ConnectionLostError(HELLO_TIMEOUT, 'no end of the handshake');
      }),
    );
    const open$ = defer(() => {
      onOpen(mine);
      return [];
    });
    return merge(frames$, merge(beat$, late$).pipe(takeUntil(endOf(frames$))), open$).pipe(
      takeUntil(endOf(frames$)),
      finalize(() => {
        mine.isOver = true;
        onClosed(mine);
      }),
    );
  });
}
