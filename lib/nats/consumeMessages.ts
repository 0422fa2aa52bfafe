import type { ConsumerInfo, ConsumerMessages, ConsumerNotification, JsMsg } from '@nats-io/jetstream';
import { defer, from, map, merge, mergeMap, NEVER, Observable, throwError } from 'rxjs';
import type { NatsContext } from './natsContext.js';

/** Notifications after which a consumer is missing or receives nothing. */
const FAULTS: readonly ConsumerNotification['type'][] = [
  'heartbeats_missed',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'no_responders',
  'exceeded_limits',
];

/** The number of messages that the server may send ahead. */
const MAX_PREFETCHED = 1_000;
/** A consumer that is silent for twice this time, in ms, is considered dead. */
const HEARTBEAT = 2_000;

/** Creates a consumer of the stream from a position on. NATS removes it when it is no longer used. */
export async function addConsumer({ manager, stream }: NatsContext, from: number, subject?: string): Promise<ConsumerInfo> {
  return (await manager()).consumers.add(stream, {
    ack_policy: 'none',
    deliver_policy: 'by_start_sequence',
    replay_policy: 'instant',
    opt_start_seq: from,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 30e9,
    ...(subject !== undefined && { filter_subject: subject }),
  });
}

export function removeConsumer({ manager, stream }: NatsContext, { name }: ConsumerInfo): void {
  manager()
    .then(({ consumers }) => consumers.delete(stream, name))
    .catch(() => undefined);
}

/** Passes messages of a consumer to `take`. Fails when the consumer ends. */
export function consumeMessages(context: NatsContext, info: ConsumerInfo, take: (message: JsMsg) => void): Observable<never> {
  return openConsumer(context, info, take).pipe(
    mergeMap((messages) => {
      const ended$ = defer(() => messages.closed()).pipe(mergeMap((error) => fail(error instanceof Error ? error.message : 'closed')));
      const fault$ = from(messages.status()).pipe(mergeMap(({ type }) => (FAULTS.includes(type) ? fail(type) : NEVER)));
      return merge(ended$, fault$);
    }),
    map((nothing): never => nothing),
  );
}

const fail = (reason: string): Observable<never> => throwError(() => new Error(`the consumer has ended: ${reason}`));

function openConsumer(context: NatsContext, info: ConsumerInfo, take: (message: JsMsg) => void): Observable<ConsumerMessages> {
  return new Observable((subscriber) => {
    let messages: ConsumerMessages | undefined;
    const consumer = context.client.consumers.getConsumerFromInfo(info);
    const callback = (message: JsMsg): void => {
      if (!subscriber.closed) take(message);
    };
    consumer.consume({ callback, max_messages: MAX_PREFETCHED, idle_heartbeat: HEARTBEAT }).then(
      (running) => {
        messages = running;
        if (subscriber.closed) running.stop();
        else subscriber.next(running);
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      messages?.stop();
      removeConsumer(context, info);
    };
  });
}
