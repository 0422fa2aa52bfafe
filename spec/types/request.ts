/* eslint-disable @typescript-eslint/no-unused-vars -- what is written here is about types only */
import { EMPTY, of, Subject, type Observable } from 'rxjs';
import { connect, createMessage, memoryLink, reply, request, type Frame, type Message, type ProgressOf, type ReplyOf } from 'rxwire';

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the only way to compare types exactly
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function exactly<A, B>(same: Equal<A, B>): void;

declare module 'rxwire' {
  interface MessageTypes {
    'shelf.list': { readonly shelf: string };
    'shelf.clear': null;
  }
  interface RequestTypes {
    'shelf.list': { readonly reply: readonly string[]; readonly progress: number };
    'shelf.clear': { readonly reply: boolean };
  }
}

const [link] = memoryLink<Frame>();
const wire = connect({ link });

// The type of the request selects that of the reply, and of progress.
exactly<ReplyOf<'shelf.list'>, readonly string[]>(true);
exactly<ProgressOf<'shelf.list'>, number>(true);
exactly<ProgressOf<'shelf.clear'>, unknown>(true);
exactly<ReplyOf<'nobody.knows'>, unknown>(true);
exactly<ReplyOf<string>, unknown>(true);

const listed$ = request(wire, createMessage('shelf.list', { shelf: 'a' }), {
  timeout: 1,
  each: Infinity,
  maxOpen: 1,
  onProgress: (progress) => exactly<typeof progress, number>(true),
});
exactly<typeof listed$, Observable<readonly string[]>>(true);
export const cleared$: Observable<boolean> = request(wire, createMessage('shelf.clear', null));
export const unknown$: Observable<unknown> = request(wire, createMessage('nobody.knows', 1));
declare const anyMessage: Message;
export const any$: Observable<unknown> = request(wire, anyMessage);
// Not only over wires.
request(new Subject<Message>(), anyMessage);

// @ts-expect-error a list is no number
export const wrong$: Observable<number> = request(wire, createMessage('shelf.list', { shelf: 'a' }));
// @ts-expect-error the payload of the request is the declared one
request(wire, createMessage('shelf.list', { shelf: 1 }));
// @ts-expect-error nothing can be sent over an Observable
request(EMPTY as Observable<Message>, anyMessage);
// @ts-expect-error progress is a number
request(wire, createMessage('shelf.list', { shelf: 'a' }), { onProgress: (progress: string) => progress });

wire
  .pipe(
    reply({
      'shelf.list': ({ payload }, { progress, signal }) => {
        exactly<typeof payload, { readonly shelf: string }>(true);
        exactly<typeof signal, AbortSignal>(true);
        progress(0.5);
        // @ts-expect-error progress is a number
        progress('half');
        return of([payload.shelf]);
      },
      'shelf.clear': () => Promise.resolve(true),
      'nobody.knows': ({ payload }) => {
        exactly<typeof payload, unknown>(true);
        return [1, 'two'];
      },
    }),
  )
  .subscribe(wire);

// @ts-expect-error a list is no number
reply({ 'shelf.list': () => of(1) });
// @ts-expect-error true or false
reply({ 'shelf.clear': () => Promise.resolve('yes') });
// @ts-expect-error a shelf has no size
reply({ 'shelf.list': ({ payload }) => of([payload.size]) });
reply({ 'nobody.knows': () => 1 });
reply({ 'shelf.clear': () => true });
// @ts-expect-error true or false
reply({ 'shelf.clear': () => 'yes' });
// @ts-expect-error a list that is returned is several replies, and each of them is a list
reply({ 'shelf.list': () => ['a book'] });
reply({}, { onError: ({ code }, { id }) => [code, id], describe: () => ({ code: 'ERR_SHELF', message: 'no' }) });
// @ts-expect-error an error is told by a code and a text
reply({}, { describe: () => 'no' });
