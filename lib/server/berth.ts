import { BehaviorSubject, Observable, Subscription, type SchedulerLike, type Subscriber } from 'rxjs';
import { PeerGoneError } from '../errors.js';
import { createAlarm } from '../internal/alarm.js';
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
export function berthLink(berth: Berth, options: BerthOptions): Link<Frame> {
  return (outgoing) =>
    new Observable((to) => {
      stay(berth, outgoing, to, options);
    });
}

/** By hand, and not composed: a server has thousands of them, and operators would take 20 KiB for each. */
function stay(berth: Berth, outgoing: Observable<Frame>, to: Subscriber<Frame>, options: BerthOptions): void {
  const { detachedTimeout, scheduler, report, onDetached, onAttached } = options;
  let connected: Subscription | undefined;
  let goodbye: readonly [code: CloseCode, reason: string] = [CloseCode.ABANDONED, ''];

  const fail = (error: unknown): void => to.error(error);
  const gone = createAlarm(scheduler, () => fail(new PeerGoneError(detachedTimeout)));
  const lose = (error: unknown): void => {
    if (!berth.returns || !isTemporary(error)) {
      fail(error);
      return;
    }
    report({ kind: 'lost', error });
    if (detachedTimeout < Infinity) gone.set(detachedTimeout);
    onDetached(berth);
  };
  const attach = ({ link }: Attachment): void => {
    gone.clear();
    onAttached(berth);
    connected?.unsubscribe();
    connected = new Subscription();
    connected.add(link(outgoing).subscribe({ next: (frame) => to.next(frame), error: lose, complete: () => to.complete() }));
  };
  const stop = (): void => {
    goodbye = [CloseCode.GOING_AWAY, 'the server stops'];
    to.complete();
  };
  to.add(() => connected?.unsubscribe());
  to.add(berth.attachments$.subscribe({ next: attach, error: fail, complete: stop }));
  to.add(() => {
    gone.clear();
    onAttached(berth);
    berth.latest.close(...goodbye);
  });
}
