import { filter, from, map, Subject, type Observable } from 'rxjs';
import type { Broker } from './broker.js';

/** What becomes of the connection. */
export interface Connectivity {
  readonly reconnected$: Observable<void>;
  /** An error when it is lost. */
  readonly lost$: Observable<never>;
}

/** One look at the connection for as long as that lives: each further one would be kept by it until something happens. */
export function createConnectivity({ connection }: Broker): Connectivity {
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
