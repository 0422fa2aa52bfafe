import { EMPTY, of, type Observable } from 'rxjs';
import { fromBatchMessage, toBatchMessage } from '../../lib/operators/sending/batchMessage.js';
import { batchByKey, type Batch } from '../../lib/operators/batchByKey.js';
import { unbatch } from '../../lib/operators/unbatch.js';
import type { Message } from '../../lib/message/types.js';

const messages$: Observable<Message<'execution.output'>> = EMPTY;

export const batched: Observable<Batch<string, Message<'execution.output'>>> = messages$.pipe(
  batchByKey((message) => message.payload.executionId, { maxSize: 10, maxWait: 0, maxKeys: 5 }),
);
export const optionalKey: Observable<Batch<string | undefined, Message>> = messages$.pipe(batchByKey((message) => message.target));
export const backAgain: Observable<Message<'execution.output'>> = messages$.pipe(
  batchByKey(() => 'all'),
  unbatch(),
);

export const byTypeAndTarget: Observable<Batch<string, Message<'execution.output'>>> = messages$.pipe(batchByKey());
export const withOptions: Observable<Batch<string, Message<'execution.output'>>> = messages$.pipe(batchByKey({ maxWait: 5 }));
export const asMessages: Observable<Message<'batch'>> = messages$.pipe(batchByKey(), toBatchMessage({ delivery: 'exactly-once' }));
export const fromMessages: Observable<Message> = messages$.pipe(batchByKey(), toBatchMessage(), fromBatchMessage());

// @ts-expect-error only messages have a default key
of(1, 2).pipe(batchByKey());
const byTime: Observable<Batch<number, Message>> = messages$.pipe(batchByKey(({ timestamp }) => timestamp));
// @ts-expect-error the key of an envelope is a text
byTime.pipe(toBatchMessage());
// @ts-expect-error each batch has an id of its own
toBatchMessage({ id: 'same' });
// @ts-expect-error a batch message has no items: `fromBatchMessage` reads it
asMessages.pipe(unbatch());

of(1, 2)
  .pipe(batchByKey((value) => value % 2 === 0))
  .subscribe(({ key, items }) => {
    // A batch has a first item: no `undefined` to rule out.
    const first: number = items[0];
    const isEven: boolean = key;
    const all: readonly number[] = items;
    const copy: number[] = [...items].sort();
    const [head, ...rest]: readonly [number, ...number[]] = items;
    const doubled: number[] = items.map((value) => 2 * value);
    // @ts-expect-error the items of others are not to be changed
    items[0] = 3;
    return [first, isEven, all, copy, head, rest, doubled];
  });

// @ts-expect-error the key function sees the source's type
messages$.pipe(batchByKey((message) => String(message.payload.nothing)));
// @ts-expect-error an option that does not exist
messages$.pipe(batchByKey((message) => message.id, { maxItems: 1 }));
