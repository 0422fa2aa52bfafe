import { EMPTY, of, type Observable } from 'rxjs';
import type { Message } from '../../lib/message/types.js';
import { idempotent } from '../../lib/operators/idempotent.js';

const messages$: Observable<Message<'execution.start'>> = EMPTY;

export const byId: Observable<number> = messages$.pipe(idempotent(({ payload }) => Promise.resolve(payload.data.length)));
export const byKey: Observable<string> = messages$.pipe(
  idempotent(({ payload }) => of(payload.data), { key: ({ payload }) => payload.executionId }),
);
export const anyValue: Observable<string> = of(1).pipe(idempotent((value) => [value.toFixed()], { key: (value) => value.toFixed() }));

// @ts-expect-error a number has no id, so a key is needed
of(1).pipe(idempotent((value) => of(value)));
// @ts-expect-error the same with other options
of(1).pipe(idempotent((value) => of(value), { ttl: 1 }));
// @ts-expect-error a key is a text
of(1).pipe(idempotent((value) => of(value), { key: (value) => value }));
// @ts-expect-error the handler sees the source's type
messages$.pipe(idempotent(({ payload }) => of(payload.nothing)));
