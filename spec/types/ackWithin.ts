import { NEVER, of, Subject, type Observable } from 'rxjs';
import type { Receipt } from '../../lib/message/receipt.js';
import { ackWithin } from '../../lib/operators/ackWithin.js';

const items$ = of({ id: 'a', text: 'hello' });

export const receipts: Observable<Receipt> = items$.pipe(ackWithin(new Subject<{ id: string; text: string }>(), 1_000));
// What dies is what went in.
items$.pipe(ackWithin(NEVER, 1_000, { send: () => undefined, onDead: ({ text }) => text.length }));
// A Subject of acks alone will do, where `send` says how to send.
items$.pipe(ackWithin(new Subject<string>(), 1_000, { send: ({ text }) => text.length }));
// @ts-expect-error what has no id cannot be acked
of({ text: 'hello' }).pipe(ackWithin(NEVER, 1_000, { send: () => undefined }));
