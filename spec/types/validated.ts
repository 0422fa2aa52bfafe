/* eslint-disable @typescript-eslint/no-unused-vars -- what is written here is about types only */
import { type } from 'arktype';
import { EMPTY, filter, type Observable } from 'rxjs';
import * as v from 'valibot';
import { z } from 'zod';
import { validated, type ValidatedMessage } from '../../lib/operators/payloads/validated.js';
import type { Message } from '../../lib/message/types.js';

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the only way to compare types exactly
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function exactly<A, B>(same: Equal<A, B>): void;
declare const messages$: Observable<Message>;

const schemas = {
  'chat.said': z.object({ text: z.string(), at: z.coerce.date() }),
  'chat.left': v.object({ reason: v.optional(v.string(), 'none') }),
  'chat.joined': type({ name: 'string' }),
};

exactly<ValidatedMessage<typeof schemas>['type'], 'chat.said' | 'chat.left' | 'chat.joined'>(true);

export const checked$ = messages$.pipe(validated(schemas));
checked$.subscribe((message) => {
  // What the schema makes of it, not what comes.
  if (message.type === 'chat.said') exactly<typeof message.payload, { text: string; at: Date }>(true);
  if (message.type === 'chat.left') exactly<typeof message.payload, { reason: string }>(true);
  if (message.type === 'chat.joined') exactly<typeof message.payload, { name: string }>(true);
});
checked$
  .pipe(filter((message) => message.type === 'chat.joined'))
  .subscribe(({ payload }) => exactly<typeof payload, { name: string }>(true));

// Where others pass, a message may be any.
exactly<typeof others$, Observable<Message | ValidatedMessage<typeof schemas>>>(true);
export const others$ = messages$.pipe(validated(schemas, { others: 'pass' }));

// @ts-expect-error a schema is no function
void EMPTY.pipe(validated({ 'chat.said': () => true }));
// @ts-expect-error no such policy
void EMPTY.pipe(validated(schemas, { others: 'drop' }));
