import { EMPTY, of, type Observable } from 'rxjs';
import type { Message } from '../../lib/message/types.js';
import { resequence, type SequenceGap } from '../../lib/operators/resequence.js';

const messages$: Observable<Message<'execution.output'>> = EMPTY;

export const ordered: Observable<Message<'execution.output'>> = messages$.pipe(
  resequence(({ metadata }) => Number(metadata?.deliveryTag), {
    first: 1,
    maxSize: 100,
    maxWait: 50,
    onGap: (gap) => {
      const { first, last }: SequenceGap = gap;
      return last - first;
    },
    onDrop: ({ payload }) => payload.data,
  }),
);

// @ts-expect-error a sequence number is a number
messages$.pipe(resequence(({ id }) => id));
// @ts-expect-error the function sees the source's type
messages$.pipe(resequence(({ payload }) => Number(payload.nothing)));
// @ts-expect-error an option that does not exist
of(1).pipe(resequence((value) => value, { maxAge: 1 }));
