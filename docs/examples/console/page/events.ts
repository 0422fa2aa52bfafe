import { count, distinctUntilChanged, filter, map, merge, scan, switchMap, takeUntil, takeWhile, timer, type Observable } from 'rxjs';
import type { ConnectionStatus, Wire } from 'rxwire';
import { statusNames } from './connection.js';
import type { Entry, Kind } from './timeline.js';

interface Step {
  readonly status: ConnectionStatus;
  readonly attempt: number;
  /** It has been connected before. */
  readonly again: boolean;
}

const START: Step = { status: 'connecting', attempt: 0, again: false };

/** What happens to the wire, for the timeline. */
export function eventsOf(wire: Wire): Observable<Entry> {
  const steps$ = wire.state$.pipe(
    // A connection that is lost is an entry of its own, as soon as the wire reconnects.
    filter(({ status, isFinal }) => status !== 'disconnected' || isFinal === true),
    distinctUntilChanged((a, b) => a.status === b.status && a.reconnectAttempts === b.reconnectAttempts),
    scan(
      (before, { status, reconnectAttempts: attempt }): Step => ({
        status,
        attempt,
        again: before.again || before.status === 'connected',
      }),
      START,
    ),
  );
  return merge(
    steps$.pipe(map(describe)),
    steps$.pipe(
      filter(({ status, again }) => status === 'connected' && again),
      switchMap(() => caughtUp(wire)),
    ),
    wire.errors$.pipe(
      // Its loss and its end are told by the status.
      filter(({ code }) => code !== 'ERR_CONNECTION_LOST' && code !== 'ERR_RECONNECT_GIVEN_UP'),
      map(({ message }) => entry('bad', message)),
    ),
  );
}

export function entry(kind: Kind, text: string): Entry {
  return { kind, text };
}

function describe({ status, attempt, again }: Step): Entry {
  if (status === 'connected') return entry('good', again ? 'Resumed' : 'Connected');
  if (status !== 'reconnecting') return entry(status === 'error' ? 'bad' : 'plain', statusNames[status]);
  if (attempt > 1) return entry('wait', `Reconnecting, attempt ${attempt}`);
  return entry('wait', again ? 'Connection lost, reconnecting' : 'No answer, trying again');
}

/** Counts what was made while the connection was down: server and page share one clock here. */
function caughtUp(wire: Wire): Observable<Entry> {
  const resumedAt = Date.now();
  return wire.pipe(
    takeWhile(({ timestamp }) => timestamp < resumedAt),
    takeUntil(timer(1_000)),
    count(),
    filter((messages) => messages > 0),
    map((messages) => entry('good', messages === 1 ? '1 message caught up' : `${messages} messages caught up`)),
  );
}
