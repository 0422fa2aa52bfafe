import { EMPTY, type Observable } from 'rxjs';
import type { ExecutionError, ExecutionOutput, Message } from '../../lib/message/types.js';
import { ofType } from '../../lib/operators/ofType.js';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const exactly = <A, B>(_: Equal<A, B>): void => undefined;

// An application's own types, added where the map is, and where users find it.
declare module '../../lib/message/types.js' {
  interface MessageTypes {
    'chat.said': { readonly text: string };
  }
}

const messages$: Observable<Message> = EMPTY;

const one$ = messages$.pipe(ofType('execution.output'));
exactly<typeof one$, Observable<Message<'execution.output', ExecutionOutput>>>(true);

const several$ = messages$.pipe(ofType('execution.output', 'execution.error'));
exactly<typeof several$, Observable<Message<'execution.output', ExecutionOutput> | Message<'execution.error', ExecutionError>>>(true);
several$.subscribe((message) => {
  if (message.type === 'execution.error') exactly<typeof message.payload, ExecutionError>(true);
  else exactly<typeof message.payload, ExecutionOutput>(true);
});

const unknown$ = messages$.pipe(ofType('x'));
exactly<typeof unknown$, Observable<Message<'x', unknown>>>(true);

const own$ = messages$.pipe(ofType('chat.said'));
exactly<typeof own$, Observable<Message<'chat.said', { readonly text: string }>>>(true);

// What was narrowed before can be narrowed further.
const further$ = several$.pipe(ofType('execution.error'));
exactly<typeof further$, Observable<Message<'execution.error', ExecutionError>>>(true);

// A type known only at run time.
const dynamic$ = messages$.pipe(ofType('a' as string));
exactly<typeof dynamic$, Observable<Message>>(true);

// @ts-expect-error an output has no error
one$.subscribe((message) => message.payload.error);
// @ts-expect-error of two types, a field that only one has
several$.subscribe((message) => message.payload.error);
// @ts-expect-error no payload is known for this type
unknown$.subscribe((message) => message.payload.text);
// @ts-expect-error at least one type
ofType();
// @ts-expect-error types are strings
ofType(1);
