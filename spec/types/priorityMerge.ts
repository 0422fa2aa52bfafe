import { EMPTY, of, type Observable } from 'rxjs';
import { batchByKey } from '../../lib/operators/batchByKey.js';
import { priorityMerge } from '../../lib/operators/priorityMerge.js';
import type { DropReason } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';

const messages$: Observable<Message<'execution.output'>> = EMPTY;

export const results: Observable<string> = messages$.pipe(priorityMerge((message, index) => of(message.payload.data + index.toFixed())));
export const promises: Observable<number> = messages$.pipe(priorityMerge((message) => Promise.resolve(message.timestamp)));
export const either: Observable<number | string> = messages$.pipe(
  priorityMerge((message) => (message.ttl ? of(message.ttl) : of(message.id))),
);
export const batches: Observable<number> = messages$.pipe(
  batchByKey((message) => message.target),
  priorityMerge((batch) => of(batch.items.length), { priority: (batch) => batch.items[0].priority }),
);
export const options: Observable<number> = of(1).pipe(
  priorityMerge((value) => [value], {
    overflow: 'drop-lowest',
    priority: (value) => value,
    onDrop: (value, reason) => {
      const dropped: readonly [number, DropReason] = [value, reason];
      return dropped;
    },
  }),
);

// @ts-expect-error an inner stream is needed
of(1).pipe(priorityMerge((value) => value));
// @ts-expect-error a priority is a number
of('a').pipe(priorityMerge((value) => [value], { priority: (value) => value }));
// @ts-expect-error no such policy
of(1).pipe(priorityMerge((value) => [value], { overflow: 'drop-all' }));
