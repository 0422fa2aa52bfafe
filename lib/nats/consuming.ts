import type { ConsumerInfo, ConsumerMessages, ConsumerNotification, JsMsg } from '@nats-io/jetstream';
import { defer, from, map, merge, mergeMap, NEVER, Observable, throwError } from 'rxjs';
import type { Broker } from './broker.js';

/** What says that a consumer is not there any more, or hears nothing. */
const faults: readonly ConsumerNotification['type'][] = [
  'heartbeats_missed',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'no_responders',
  'exceeded_limits',
];

/** Messages that the server may send before it is asked for more. */
const AHEAD = 1_000;
/** Silent for twice that: it is gone. */
const HEARTBEAT = 2_000;

/** A consumer of all that is in the stream from a place on. It goes by itself when nobody asks it any more. */
export async function addConsumer({ manager, stream }: Broker, from: number, subject?: string): Promise<ConsumerInfo> {
  return (await manager()).consumers.add(stream, {
    ...{ ack_policy: 'none', deliver_policy: 'by_start_sequence', replay_policy: 'instant', opt_start_seq: from },
    ...{ mem_storage: true, num_replicas: 1, inactive_threshold: 30e9 },
    ...(subject !== undefined && { filter_subject: subject }),
  });
}

export function removeConsumer({ manager, stream }: Broker, { name }: ConsumerInfo): void {
  manager()
    .then(({ consumers }) => consumers.delete(stream, name))
    .catch(() => undefined);
}

/** Hands over what a consumer gets; is an error when that ends. */
export function consuming(broker: Broker, info: ConsumerInfo, take: (message: JsMsg) => void): Observable<never> {
  return opened(broker, info, take).pipe(
    mergeMap((messages) => {
      const ended$ = defer(() => messages.closed()).pipe(mergeMap((error) => fail(error instanceof Error ? error.message : 'closed')));
      const fault$ = from(messages.status()).pipe(mergeMap(({ type }) => (faults.includes(type) ? fail(type) : NEVER)));
      return merge(ended$, fault$);
    }),
    map((nothing): never => nothing),
  );
}

const fail = (reason: string): Observable<never> => throwError(() => new Error(`the consumer has ended: ${reason}`));

function opened(broker: Broker, info: ConsumerInfo, take: (message: JsMsg) => void): Observable<ConsumerMessages> {
  return new Observable((subscriber) => {
    let messages: ConsumerMessages | undefined;
    const consumer = broker.client.consumers.getConsumerFromInfo(info);
    const callback = (message: JsMsg): void => {
      if (!subscriber.closed) take(message);
    };
    consumer.consume({ callback, max_messages: AHEAD, idle_heartbeat: HEARTBEAT }).then(
      (running) => {
        messages = running;
        if (subscriber.closed) running.stop();
        else subscriber.next(running);
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      messages?.stop();
      removeConsumer(broker, info);
    };
  });
}
