/* eslint-disable @typescript-eslint/no-unused-vars, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-meaningless-void-operator -- what is written here is about types only */
import { EMPTY, of, type Observable } from 'rxjs';
import { intercept, use } from '../../lib/operators/routing/use.js';
import { route, createRouter } from '../../lib/operators/routing/route.js';
import type { MessageMatching } from '../../lib/operators/routing/routeTable.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { FilePayload, Message, MessageTypes } from '../../lib/message/types.js';

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the only way to compare types exactly
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function exactly<A, B>(same: Equal<A, B>): void;

type ExecutionOutput = MessageTypes['execution.output'];
type ResourcePayload = MessageTypes['resource.metrics'];

declare module 'rxwire' {
  interface MessageTypes {
    'attic.door.opened': { readonly by: string };
    'attic.lamp.lit': { readonly watts: number };
  }
}

declare const anyPattern: string;
const messages$: Observable<Message> = EMPTY;

exactly<MessageMatching<'execution.output'>['payload'], ExecutionOutput>(true);
exactly<MessageMatching<'file.*'>['type'], 'file.upload' | 'file.download' | 'file.delete' | 'file.change'>(true);
exactly<MessageMatching<'resource.**'>['payload'], ResourcePayload>(true);
exactly<MessageMatching<'attic.*.lit'>['payload'], { readonly watts: number }>(true);
exactly<MessageMatching<'attic.**'>['type'], 'attic.door.opened' | 'attic.lamp.lit'>(true);
exactly<MessageMatching<'*'>['type'], keyof MessageTypes>(true);
exactly<MessageMatching<'attic.*'>['type'], 'attic.door.opened' | 'attic.lamp.lit'>(true);
exactly<MessageMatching<'attic.d*'>['type'], 'attic.door.opened'>(true);
exactly<MessageMatching<'execution*'>['payload']['sandboxId'], string>(true);
// A star within is one segment, and what follows a dot is not the text before it.
exactly<MessageMatching<'*.lit'>, Message>(true);
exactly<MessageMatching<'ack.*'>, Message>(true);
// Of what nobody declared, and of what is known only at run time, nothing is known.
exactly<MessageMatching<'nobody.*'>['payload'], unknown>(true);
exactly<MessageMatching<RegExp>, Message>(true);
exactly<MessageMatching<string>['payload'], unknown>(true);

export const routed$ = messages$.pipe(
  route(
    {
      'execution.output': ({ payload }) => exactly<typeof payload, ExecutionOutput>(true),
      'file.*': ({ payload }) => {
        exactly<typeof payload, FilePayload>(true);
        return of(payload.path);
      },
      'attic.**': (message) => {
        exactly<typeof message.type, 'attic.door.opened' | 'attic.lamp.lit'>(true);
        if (message.type === 'attic.door.opened') exactly<typeof message.payload, { readonly by: string }>(true);
        return Promise.resolve();
      },
      'nobody.knows': ({ payload }) => exactly<typeof payload, unknown>(true),
    },
    { patterns: [[/^x/, ({ payload }) => exactly<typeof payload, unknown>(true)]] },
  ),
);
exactly<typeof routed$, Observable<Message>>(true);

// @ts-expect-error an output has no path
route({ 'execution.output': ({ payload }) => payload.path });
// @ts-expect-error no file has watts
route({ 'file.*': ({ payload }) => payload.watts });
// @ts-expect-error of two types, a field that only one has
route({ 'attic.**': ({ payload }) => payload.watts });
// @ts-expect-error no payload is known for this type
route({ 'nobody.knows': ({ payload }) => payload.text });
// @ts-expect-error a handler of another type
route({ 'file.*': (message: Message<'execution.output'>) => void message });
route({ 'file.*': () => 1 });

const router = createRouter();
export const remove: () => void = router.add('attic.*.lit', ({ payload }) => exactly<typeof payload, { readonly watts: number }>(true));
router.add(anyPattern, ({ payload }) => exactly<typeof payload, unknown>(true));
router.add(/^x/, ({ payload }) => exactly<typeof payload, unknown>(true));
// @ts-expect-error nobody is lit
router.add('attic.*.lit', ({ payload }) => payload.by);

const keyed = createRouter({ by: 'routingKey' });
keyed.add('file.*', ({ payload }) => exactly<typeof payload, unknown>(true));
route({ 'file.*': ({ payload }) => exactly<typeof payload, unknown>(true) }, { by: 'routingKey' });
// @ts-expect-error a routing key does not tell the payload
keyed.add('file.*', ({ payload }) => payload.path);
// @ts-expect-error there is no such text to match
route({}, { by: 'key' });

intercept('execution.output', (message) => createMessage('execution.output', { ...message.payload, data: '' }));
intercept('file.*', ({ payload }) => (payload.path === '' ? null : undefined));
// @ts-expect-error an output has no path
intercept('execution.output', ({ payload }) => (payload.path === '' ? null : undefined));

use((message) => ({ ...message, source: 'a' }));
use(() => Promise.resolve(null));
use((_, { metadata }) => exactly<typeof metadata, Record<string, unknown>>(true));
intercept('file.*', ({ payload }, { metadata }) => void (metadata['path'] = payload.path));
// @ts-expect-error what goes on is a message
use(() => ({ text: 'hello' }));
// @ts-expect-error true and false could mean anything
use(() => false);
