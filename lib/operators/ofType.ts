import { filter, of, pipe, type OperatorFunction } from 'rxjs';
import { noteHandled } from '../internal/deliveryContext.js';
import { withSubscribeContext } from '../internal/subscribeContext.js';
import type { Message, MessageType } from '../message/types.js';

/** The message of a type; for several types, the union that is discriminated by `type`. */
export type MessageOf<T extends string> = T extends string ? Message<T> : never;

/**
 * Emits only messages of the given types. The type of `payload` follows; for a type that is not declared, it is `unknown`.
 *
 *     source           -a-b-c-a-|
 *     ofType('a')      -a-----a-|
 *
 * @param types Complete names, no patterns.
 * @example
 * messages$.pipe(ofType('execution.output')).subscribe((message) => draw(message.payload.data));
 * @example
 * messages$.pipe(ofType('execution.complete', 'execution.error')).subscribe((message) => {
 *   if (message.type === 'execution.error') console.warn(message.payload.error?.message);
 * });
 */
export function ofType<T extends MessageType | (string & {})>(...types: [T, ...T[]]): OperatorFunction<Message, MessageOf<T>> {
  const wanted = new Set<string>(types);
  return pipe(
    withSubscribeContext(of(types)),
    filter((message): message is MessageOf<T> & Message => {
      const is = wanted.has(message.type);
      if (is) noteHandled();
      return is;
    }),
  );
}
