import { EMPTY, of, type Observable } from 'rxjs';
import type { Message } from '../../lib/message/types.js';
import { conflateByKey, type ConflateReason } from '../../lib/operators/conflateByKey.js';

const messages$: Observable<Message<'file.change'>> = EMPTY;

export const results: Observable<string> = messages$.pipe(
  conflateByKey(
    ({ payload }) => payload.path,
    (message, index) => of(message.payload.path + index.toFixed()),
  ),
);
export const promises: Observable<number> = messages$.pipe(
  conflateByKey(
    ({ target }) => target,
    ({ timestamp }) => Promise.resolve(timestamp),
  ),
);
export const options: Observable<number> = of(1).pipe(
  conflateByKey(
    (value) => value % 2,
    (value) => [value],
    {
      concurrency: 2,
      maxKeys: 10,
      onDrop: (value, reason) => {
        const dropped: readonly [number, ConflateReason] = [value, reason];
        return dropped;
      },
    },
  ),
);

const path = ({ payload }: Message<'file.change'>): string => payload.path;
// @ts-expect-error an inner stream is needed
messages$.pipe(conflateByKey(path, (message) => message.timestamp));
// @ts-expect-error the key function sees the source's type
messages$.pipe(conflateByKey(({ nothing }) => String(nothing), path));
// @ts-expect-error nothing waits for a time
messages$.pipe(conflateByKey(path, (message) => [message], { maxAge: 1 }));
