import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { defer, finalize, ignoreElements, noop, tap, type Observable, type SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import type { Admission } from './admission.js';
import { interceptEvents } from './interceptEvents.js';

/**
 * How long a blocked connection is held before it is closed, in ms, up to twice that: a client that
 * waits for the end of one connection before it opens the next is slowed.
 */
const HOLD = 1_000;

/** The maximum number of connections that are held. Further ones are closed at once. */
const MAX_HELD = 64;

/**
 * Closes the connections of blocked addresses, unread: the HTTP server does not get them. Emits
 * nothing.
 */
export function blockFloods(server: Server, { isBlocked }: Pick<Admission, 'isBlocked'>, scheduler: SchedulerLike): Observable<never> {
  return defer(() => {
    let held = new Set<Socket>();
    /** The connections that were held already when the timer was set. */
    let due = new Set<Socket>();
    const drop = (sockets: Iterable<Socket>): void => {
      // A reset leaves nothing behind, as a close does for a minute.
      for (const socket of sockets) socket.resetAndDestroy();
    };
    const timer = createCoalescedTimer(scheduler, () => {
      drop(due);
      due = held;
      held = new Set();
      if (due.size > 0) timer.set(HOLD);
    });
    const block = (socket: Socket): void => {
      if (held.size + due.size >= MAX_HELD) {
        drop([socket]);
        return;
      }
      socket.on('error', noop);
      socket.on('close', () => held.delete(socket) || due.delete(socket));
      held.add(socket);
      timer.set(HOLD);
    };
    const end = (): void => {
      timer.clear();
      drop([...held, ...due]);
    };
    return interceptEvents<[Socket]>(server, 'connection', isBlocked).pipe(
      tap(([socket]) => block(socket)),
      ignoreElements(),
      finalize(end),
    );
  });
}
