import { NEVER, noop, type SchedulerLike } from 'rxjs';
import type { NatsConnection } from '../../lib/stores/nats/index.js';
import type { StoreContext } from '../../lib/stores/nats/natsStore.js';
import { createRetrying, type Retrying } from '../../lib/stores/nats/natsContext.js';

/** The context of a store whose stream is a fake: its connection is never lost. */
export function retryContext(scheduler: SchedulerLike, timeout: number): Retrying & StoreContext {
  const connection = { isClosed: () => false } as unknown as NatsConnection;
  const retrying = createRetrying({ connection, scheduler, timeout, isConnected: () => true, reconnected$: NEVER });
  return { ...retrying, scheduler, timeout, maxPayload: () => 1_048_576, report: noop };
}
