import { EMPTY, of, type Observable } from 'rxjs';
import type { ErrorCode } from '../../lib/message/errors/errorCode.js';
import { ofType } from '../../lib/operators/ofType.js';
import type { Message } from '../../lib/message/types.js';
import type { LmdbTransaction } from '../../lib/stores/lmdb/lmdbTransaction.js';
import { consume, type Consumed } from '../../lib/operators/consume/consume.js';

const messages$: Observable<Message> = EMPTY;
const starts$: Observable<Message<'execution.start'>> = EMPTY;

export const byType: Observable<Consumed<Message<'execution.start'>, string>> = messages$.pipe(
  ofType('execution.start'),
  consume(({ payload }) => of(payload.data)),
);
export const promised: Observable<Consumed<Message<'execution.start'>, number>> = starts$.pipe(
  consume(async ({ payload }) => Promise.resolve(payload.data.length)),
);
export const atOnce: Observable<Consumed<Message<'execution.start'>, unknown>> = starts$.pipe(
  consume(({ payload }) => {
    payload.data.trim();
  }),
);
export const written: Observable<Consumed<Message<'execution.start'>, number>> = starts$.pipe(
  consume(({ payload }) => of(payload.data.length), {
    effect: (transaction: LmdbTransaction, { payload }, result) => {
      const length: number | undefined = result;
      transaction.put({ name: payload.executionId, get: () => undefined, entries: () => [] }, 1, length);
    },
  }),
);
starts$.pipe(consume(() => of(1))).subscribe((consumed) => {
  const { message, attempts, status }: Consumed<Message<'execution.start'>, number> = consumed;
  // @ts-expect-error only what is dead has an error
  const error: unknown = consumed.error;
  const result: number | undefined = consumed.status === 'done' ? consumed.result : undefined;
  return [message, attempts, status, error, result];
});
starts$.pipe(
  consume(() => of(1), {
    onError: ({ code, cause }, { payload }) => [code satisfies ErrorCode, cause, payload.executionId satisfies string],
  }),
);
// @ts-expect-error the handler sees the source's type
starts$.pipe(consume(({ payload }) => of(payload.nothing)));
// @ts-expect-error only messages can be consumed
of(1).pipe(consume(() => undefined));
