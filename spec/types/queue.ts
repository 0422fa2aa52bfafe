import { EMPTY, of, type Observable } from 'rxjs';
import { queue, queues, type Queues } from '../../lib/operators/queue/queue.js';
import type { Queue, QueueDrop } from '../../lib/operators/queue/queueOptions.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { ofType } from '../../lib/operators/ofType.js';
import type { Consumed } from '../../lib/operators/consume/consume.js';

const messages$: Observable<Message> = EMPTY;

export const any: Queue<Message> = queue('any', { store: lmdbStore({ path: '.tmp/types' }) });
export const starts: Queue<Message<'execution.start'>> = queue('starts', { priority: ({ payload }) => payload.data.length });
export const drops: Observable<QueueDrop<Message<'execution.start'>>> = starts.drops$;
export const lengths: Observable<Consumed<Message<'execution.start'>, number>> = starts.process(({ payload }) => of(payload.data.length));
export const promised: Observable<Consumed<Message<'execution.start'>, string>> = starts.process(async ({ payload }) =>
  Promise.resolve(payload.data),
);

export const taken: Observable<Message<'execution.start'>> = starts.take();
export const all: Queues = queues({ store: lmdbStore({ path: '.tmp/types' }), order: 'fifo' });
export const opened: Queue<Message<'execution.start'>> = all.open('starts', { ageFrom: 'timestamp' });
export const untyped: Queue<Message> = all.open('any');

messages$.pipe(ofType('execution.start')).subscribe(starts);
messages$.subscribe(any);
// @ts-expect-error these may be of any type
messages$.subscribe(starts);
// @ts-expect-error an order that does not exist
queue('any', { order: 'lifo' });
// @ts-expect-error a start that does not exist
queue('any', { ageFrom: 'birth' });
// @ts-expect-error only messages can wait
any.next('text');
starts.process(() => undefined, { onError: ({ code }, { payload }) => [code, payload.executionId satisfies string] });
// @ts-expect-error the payload has no such field
starts.process(({ payload }) => of(payload.nothing));
starts.next(createMessage('execution.start', { executionId: 'e', sandboxId: 's', data: '' }));
