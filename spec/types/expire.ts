import { EMPTY, of, type Observable } from 'rxjs';
import type { Message } from '../../lib/message/types.js';
import { expire } from '../../lib/operators/expire.js';

const messages$: Observable<Message<'execution.output'>> = EMPTY;

export const alive: Observable<Message<'execution.output'>> = messages$.pipe(
  expire({ onExpired: (message) => message.payload.executionId }),
);
export const anyMessage: Observable<Message> = (EMPTY as Observable<Message>).pipe(expire());

// @ts-expect-error what has no timestamp cannot expire
of(1).pipe(expire());
