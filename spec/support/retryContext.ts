import { NEVER, noop, type SchedulerLike } from 'rxjs';
import type { NatsConnection } from '../../lib/nats/index.js';
import type { LogWriterContext } from '../../lib/nats/logWriter.js';
import type { RetryContext } from '../../lib/nats/retrying.js';

/** The context of a store whose stream is a fake: its connection is never lost. */
export function retryContext(scheduler: SchedulerLike, timeout: number): RetryContext & LogWriterContext {
  const connection = { isClosed: () => false } as unknown as NatsConnection;
  return { connection, scheduler, timeout, isConnected: () => true, reconnected$: NEVER, maxPayload: () => 1_048_576, report: noop };
}
