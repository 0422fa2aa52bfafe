import { distinctUntilChanged, interval, map, merge, of, switchMap, type Observable } from 'rxjs';
import type { ConnectionState, ConnectionStatus, Wire } from 'rxwire';
import { byId, setText } from './dom.js';
import { transportNames, type Transport } from './transports.js';

export const statusNames: Readonly<Record<ConnectionStatus, string>> = {
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting',
  disconnecting: 'Disconnecting',
  disconnected: 'Disconnected',
  error: 'Connection failed',
};

/** Shows how the wire is, as it changes. */
export function showConnection({ state$ }: Wire): void {
  state$.pipe(distinctUntilChanged((a, b) => a.status === b.status)).subscribe(({ status }) => {
    for (const id of ['pill', 'state']) byId(id).dataset['status'] = status;
    for (const id of ['pill-text', 'state-text']) setText(byId(id), statusNames[status]);
  });
  state$.pipe(switchMap(details)).subscribe((text) => setText(byId('state-detail'), text));
}

/** What there is to say beside the status; while reconnecting, a countdown. */
function details({ status, protocol, reconnectAttempts, nextAttemptAt = 0 }: ConnectionState): Observable<string> {
  if (status === 'reconnecting') {
    const left = (): number => Math.max(0, nextAttemptAt - Date.now()) / 1_000;
    return merge(of(0), interval(100)).pipe(map(() => `attempt ${reconnectAttempts} in ${left().toFixed(1)} s`));
  }
  return of(
    status === 'connected' ? `${transportNames[protocol as Transport]} · msgpack` : status === 'error' ? 'reload to try again' : '\u00a0',
  );
}
