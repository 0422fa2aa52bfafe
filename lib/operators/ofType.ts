import { filter, of, pipe, type OperatorFunction } from 'rxjs';
import { noteHandled, withSubscribeContext } from './subscribing/deliveryContext.js';
import type { Message, MessageType } from '../message/types.js';

/** The message of a type; for several types, the union that is discriminated by `type`. */
export type MessageOf<T extends string> = T extends string ? Message<T> : never;

/** The types of the messages of a stream: any text, unless the stream has a map of its own. */
export type TypeIn<M extends Message> = string extends M['type'] ? MessageType | (string & {}) : M['type'];

/** The messages of a type in a stream. */
export type Selected<M extends Message, T extends string> = string extends M['type'] ? MessageOf<T> : Extract<M, { readonly type: T }>;
/** `M`, which the compiler must infer from the source alone. */
type OfSource<M extends Message> = [M][M extends unknown ? 0 : never];

/**
 * Emits only messages of the given types. The type of `payload` follows, if it is declared.
 *
 *     source           -a-b-c-a-|
 *     ofType('a')      -a-----a-|
 *
 * @param types Complete names, no patterns.
 * @example
 * import { connect, ofType, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.pipe(ofType('execution.output')).subscribe((message) => console.log(message.payload.data));
 */
export function ofType<M extends Message, T extends TypeIn<M>>(...types: [T, ...T[]]): OperatorFunction<M, Selected<OfSource<M>, T>> {
  const wanted = new Set<string>(types);
  return pipe(
    withSubscribeContext<M>({ patterns$: of(types), has: (type) => wanted.has(type) }),
    filter((message): message is Selected<M, T> & M => {
      const is = wanted.has(message.type);
      if (is) noteHandled();
      return is;
    }),
  );
}
