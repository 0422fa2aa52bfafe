import { EMPTY, type Observable, type ObservedValueOf } from 'rxjs';
import type { Message, MessageTypes } from '../../lib/message/types.js';
import { ofType } from '../../lib/operators/ofType.js';

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the only way to compare types exactly
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function exactly<A, B>(same: Equal<A, B>): void;
type PayloadIn<O extends Observable<Message>> = ObservedValueOf<O>['payload'];

type ExecutionOutput = MessageTypes['execution.output'];
type ExecutionError = MessageTypes['execution.error'];

// An application adds its own types to the map, always by this name: TypeScript loses them when the map is reached by two paths.
declare module 'rxwire' {
  interface MessageTypes {
    'chat.said': { readonly text: string };
  }
}

declare const anyType: string;
const messages$: Observable<Message> = EMPTY;

export const one$ = messages$.pipe(ofType('execution.output'));
exactly<typeof one$, Observable<Message<'execution.output', ExecutionOutput>>>(true);

export const several$ = messages$.pipe(ofType('execution.output', 'execution.error'));
exactly<typeof several$, Observable<Message<'execution.output', ExecutionOutput> | Message<'execution.error', ExecutionError>>>(true);
several$.subscribe((message) => {
  if (message.type === 'execution.error') exactly<typeof message.payload, ExecutionError>(true);
  else exactly<typeof message.payload, ExecutionOutput>(true);
});

export const unknown$ = messages$.pipe(ofType('x'));
exactly<typeof unknown$, Observable<Message<'x', unknown>>>(true);

export const own$ = messages$.pipe(ofType('chat.said'));
exactly<typeof own$, Observable<Message<'chat.said', { readonly text: string }>>>(true);

// What was narrowed before can be narrowed further.
export const further$ = several$.pipe(ofType('execution.error'));
exactly<typeof further$, Observable<Message<'execution.error', ExecutionError>>>(true);

// A type known only at run time.
export const dynamic$ = messages$.pipe(ofType(anyType));
exactly<typeof dynamic$, Observable<Message>>(true);

// @ts-expect-error an output has no path
export type PathOfOne = PayloadIn<typeof one$>['path'];
// @ts-expect-error of two types, a field that only one has
export type StreamOfSeveral = PayloadIn<typeof several$>['stream'];
// @ts-expect-error no payload is known for this type
export type TextOfUnknown = PayloadIn<typeof unknown$>['text'];
// @ts-expect-error at least one type
ofType();
// @ts-expect-error types are strings
ofType(1);
