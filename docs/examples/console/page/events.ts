import { distinctUntilChanged, filter, map, merge, reduce, scan, switchMap, takeUntil, tap, timer, type Observable } from 'rxjs';
import type { ConnectionStatus, Wire } from 'rxwire';
import { statusNames } from './connection.js';
import { wordsFor } from './errorWords.js';
import { count } from './faultWords.js';
import type { Recovery } from './recovery.js';
import type { Entry, Kind } from './timeline.js';

interface Step {
  readonly status: ConnectionStatus;
  readonly attempt: number;
  /** It has been connected before. */
  readonly again: boolean;
}

const START: Step = { status: 'connecting', attempt: 0, again: false };

/** What happens to the wire, for the timeline. */
export function eventsOf(wire: Wire, recovery: Recovery): Observable<Entry> {
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
  let isForgotten = false;
  return merge(
    steps$.pipe(map((step) => describe(step, isForgotten))),
    steps$.pipe(
      filter(({ status, again }) => status === 'connected' && again),
      switchMap(() => caughtUp(recovery)),
    ),
    wire.errors$.pipe(
      tap(({ code }) => (isForgotten = code === 'ERR_SESSION_LOST' || (isForgotten && code !== 'ERR_CONNECTION_LOST'))),
      // Its loss and its end are told by the status.
      filter(({ code }) => code !== 'ERR_CONNECTION_LOST' && code !== 'ERR_RECONNECT_GIVEN_UP'),
      map((error) => entry('bad', wordsFor(error))),
    ),
  );
}

export function entry(kind: Kind, text: string): Entry {
  return { kind, text };
}

function describe({ status, attempt, again }: Step, isForgotten: boolean): Entry {
  if (status === 'connected') return entry('good', !again ? 'Connected' : isForgotten ? 'Connected again, in a new session' : 'Resumed');
  if (status !== 'reconnecting') return entry(status === 'error' ? 'bad' : 'plain', statusNames[status]);
  if (attempt > 1) return entry('wait', `Reconnecting, attempt ${attempt}`);
  return entry('wait', again ? 'Connection lost, reconnecting' : 'No answer, trying again');
}

/** Counts what was held up while the connection was down. */
function caughtUp({ resent$ }: Recovery): Observable<Entry> {
  return resent$.pipe(
    takeUntil(timer(1_000)),
    reduce((sum, messages) => sum + messages, 0),
    filter((messages) => messages > 0),
    map((messages) => entry('good', `${count(messages, 'message')} of all kinds resent`)),
  );
}
