import { filter, from, map, Subject, type Observable } from 'rxjs';
import type { NatsConnection } from './natsOptions.js';

/** The events of the connection. */
export interface ConnectionStatus {
  readonly reconnected$: Observable<void>;
  /** Fails when the connection is lost. */
  readonly lost$: Observable<never>;
  readonly isConnected: () => boolean;
}

/**
 * Reads the status once for the lifetime of the connection, which would keep each further iterator
 * until the next event.
 */
export function createConnectionStatus(connection: NatsConnection): ConnectionStatus {
  const changes$ = new Subject<string>();
  let isConnected = !connection.isClosed();
  const change = (type: string): void => {
    isConnected = type === 'reconnect' || (isConnected && type !== 'disconnect' && type !== 'close');
    changes$.next(type);
  };
  const end = (): void => change('close');
  from(connection.status()).subscribe({ next: ({ type }) => change(type), error: end, complete: end });
  return {
    isConnected: () => isConnected,
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
