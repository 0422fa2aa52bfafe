import {
  BehaviorSubject,
  catchError,
  defer,
  EMPTY,
  finalize,
  merge,
  mergeMap,
  skip,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { PeerGoneError } from '../errors.js';
import { after } from '../internal/after.js';
import { endOf } from '../internal/endOf.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame, Link } from '../link/link.js';
import type { Report } from '../session/events.js';
import { isTemporary } from '../session/reconnecting.js';
import type { Attachment } from './attachment.js';

/** The place of one client on the server; its connections come and go. */
export interface Berth {
  /** The connections, the latest at once. An error ends the wire; completion too, as the server stops. */
  readonly attachments$: BehaviorSubject<Attachment>;
  /** The latest connection, also when the wire has ended. */
  latest: Attachment;
  /** Whether the client can say that it has come back. Who cannot is a new client each time. */
  readonly returns: boolean;
  /** Whose it is, where that was asked for. */
  readonly owner: string | undefined;
}

interface BerthOptions {
  readonly detachedTimeout: number;
  readonly scheduler: SchedulerLike;
  readonly report: Report;
  readonly onDetached: (berth: Berth) => void;
  readonly onAttached: (berth: Berth) => void;
}

/** The place of a client with its first connection. */
export function createBerth(latest: Attachment, returns: boolean): Berth {
  return { attachments$: new BehaviorSubject(latest), latest, returns, owner: latest.principal?.id };
}

/** Lets a newer connection take the place of the one before. */
export function takeOver(berth: Berth, newer: Attachment): void {
  const older = berth.latest;
  berth.latest = newer;
  berth.attachments$.next(newer);
  // Only now that nobody listens to it: to the wire this is no loss.
  older.close(CloseCode.SUPERSEDED, 'another connection took over');
}

/**
 * A link that outlives its connections: it waits for the client to come back, and changes over to each newer one. When it
 * ends before its client has said goodbye, it closes the connection.
 */
export function berthLink(berth: Berth, { detachedTimeout, scheduler, report, onDetached, onAttached }: BerthOptions): Link<Frame> {
  return (outgoing) =>
    defer(() => {
      const ended$ = new Subject<void>();
      const lost$ = new Subject<void>();
      let current: Attachment | undefined;
      let goodbye: readonly [code: CloseCode, reason: string] = [CloseCode.ABANDONED, ''];

      const attach = (attachment: Attachment): void => {
        current = attachment;
        onAttached(berth);
      };
      const lose = (error: unknown): Observable<never> => {
        if (!berth.returns || !isTemporary(error)) throw error;
        report({ kind: 'lost', error });
        lost$.next();
        onDetached(berth);
        return EMPTY;
      };
      const stop = (): void => {
        goodbye = [CloseCode.GOING_AWAY, 'the server stops'];
      };
      const gone$ = after(detachedTimeout, scheduler).pipe(mergeMap(() => throwError(() => new PeerGoneError(detachedTimeout))));
      const frames$ = berth.attachments$.pipe(
        tap(attach),
        switchMap(({ link }) => link(outgoing).pipe(tap({ complete: () => ended$.next() }), catchError(lose))),
      );
      return merge(lost$.pipe(switchMap(() => gone$.pipe(takeUntil(newer(berth))))), frames$).pipe(
        takeUntil(merge(ended$, endOf(berth.attachments$).pipe(tap(stop)))),
        finalize(() => {
          onAttached(berth);
          current?.close(...goodbye);
        }),
      );
    });
}

function newer({ attachments$ }: Berth): Observable<Attachment> {
  return attachments$.pipe(skip(1));
}
