import {
  concat,
  defer,
  EMPTY,
  filter,
  merge,
  mergeMap,
  Subject,
  take,
  takeUntil,
  tap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { OverflowError } from '../errors.js';
import { createRecentKeys } from '../internal/recentKeys.js';
import type { Message } from '../message/types.js';
import type { Report } from './events.js';

export interface ReceiverOptions {
  /** Whether what was received is acked. */
  readonly acks: boolean;
  /** True from when somebody listens on; until then messages wait, unacked. */
  readonly listening$: Observable<boolean>;
  /** How many may wait. One more is not accepted: without an ack, it will come again. */
  readonly maxHeld: number;
  /** How long, and how many, ids are remembered. */
  readonly ttl: number;
  readonly maxRemembered: number;
  readonly scheduler: SchedulerLike;
  readonly ack: (id: string) => void;
  readonly report: Report;
}

/** Each message once, in order, and acked once it was emitted. A repeat is acked again and dropped. */
export function receiver(options: ReceiverOptions): OperatorFunction<readonly Message[], Message> {
  const { acks, listening$, maxHeld, ttl, maxRemembered: maxSize, scheduler, ack, report } = options;

  return (batches) =>
    defer(() => {
      const recent = createRecentKeys({ ttl, maxSize, scheduler });
      const held = new Map<string, Message>();
      let listening = false;

      const release = (messages: readonly Message[]): Observable<Message> =>
        concat(
          messages.filter(({ id }) => !recent.seen(id)),
          defer(() => {
            if (acks) messages.forEach(({ id }) => ack(id));
            return EMPTY;
          }),
        );
      const hold = (messages: readonly Message[]): Observable<never> => {
        for (const message of messages) {
          if (held.size < maxHeld || held.has(message.id)) held.set(message.id, message);
          else report({ kind: 'error', error: new OverflowError('messages before the first subscriber', maxHeld) });
        }
        return EMPTY;
      };
      const flush = (): Observable<Message> => {
        listening = true;
        const messages = [...held.values()];
        held.clear();
        return release(messages);
      };

      const ended$ = new Subject<void>();
      return merge(
        batches.pipe(
          mergeMap((batch) => (listening ? release(batch) : hold(batch))),
          tap({ complete: () => ended$.next() }),
        ),
        listening$.pipe(filter(Boolean), take(1), mergeMap(flush), takeUntil(ended$)),
      );
    });
}
