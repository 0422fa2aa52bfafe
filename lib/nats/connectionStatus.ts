import { filter, from, map, Subject, type Observable } from 'rxjs';
import type { NatsContext } from './natsContext.js';

/** The events of the connection. */
export interface ConnectionStatus {
  readonly reconnected$: Observable<void>;
  /** Fails when the connection is lost. */
  readonly lost$: Observable<never>;
}

/** Reads the status once for the lifetime of the connection, which would keep each further iterator until the next event. */
export function createConnectionStatus({ connection }: NatsContext): ConnectionStatus {
  const changes$ = new Subject<string>();
  const end = (): void => changes$.next('close');
  from(connection.status()).subscribe({ next: ({ type }) => changes$.next(type), error: end, complete: end });
  return {
    reconnected$: changes$.pipe(
      filter((type) => type === 'reconnect'),
      map(() => undefined),
    ),
    lost$: changes$.pipe(
      filter((type) => type === 'disconnect' || type === 'close'),
      map((type) => {
        throw new Error(`the connection to NATS is ${type === 'close' ? 'closed' : 'lost'}`);
      }),
    ),
  };
}
