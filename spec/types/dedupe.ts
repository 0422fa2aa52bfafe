import { EMPTY, of, type Observable } from 'rxjs';
import { contentKey } from '../../lib/message/contentKey.js';
import { dedupe } from '../../lib/operators/dedupe.js';
import type { Message } from '../../lib/message/types.js';

const messages$: Observable<Message<'execution.output'>> = EMPTY;

export const byId: Observable<Message<'execution.output'>> = messages$.pipe(dedupe());
export const byKey: Observable<Message<'execution.output'>> = messages$.pipe(
  dedupe({ key: (message) => message.payload.executionId, onDuplicate: (message) => message.payload.data }),
);
export const byContent: Observable<Message<'execution.output'>> = messages$.pipe(dedupe({ key: contentKey }));
export const anyValue: Observable<number> = of(1).pipe(dedupe({ key: (value) => value.toFixed() }));

// @ts-expect-error a number has no content of a message
of(1).pipe(dedupe({ key: contentKey }));
// @ts-expect-error a number has no id, so a key is needed
of(1).pipe(dedupe());
// @ts-expect-error the same with other options
of(1).pipe(dedupe({ ttl: 1 }));
// @ts-expect-error the key function sees the source's type
messages$.pipe(dedupe({ key: (message) => String(message.payload.nothing) }));
