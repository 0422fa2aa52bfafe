import {
  defer,
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

/** Each message once, in order, and acked when it was emitted. A repeat is acked again and dropped. */
export function receiver(options: ReceiverOptions): OperatorFunction<readonly Message[], Message> {
  const { acks, listening$, maxHeld, ttl, maxRemembered: maxSize, scheduler, ack, report } = options;

  return (batches) =>
    defer(() => {
      const recent = createRecentKeys({ ttl, maxSize, scheduler });
      const held = new Map<string, Message>();
      let listening = false;

      // Acks leave at the end of the microtask; what is returned here is emitted before that.
      const release = (message: Message): Message[] => {
        if (acks) ack(message.id);
        return recent.seen(message.id) ? [] : [message];
      };
      const hold = (message: Message): Message[] => {
        if (held.size < maxHeld) held.set(message.id, message);
        else report({ kind: 'error', error: new OverflowError('messages before the first subscriber', maxHeld) });
        return [];
      };
      const flush = (): Message[] => {
        listening = true;
        const messages = [...held.values()].flatMap(release);
        held.clear();
        return messages;
      };

      const ended$ = new Subject<void>();
      return merge(
        batches.pipe(
          mergeMap((batch) => batch.flatMap((message) => (listening ? release(message) : hold(message)))),
          tap({ complete: () => ended$.next() }),
        ),
        listening$.pipe(filter(Boolean), take(1), mergeMap(flush), takeUntil(ended$)),
      );
    });
}
