import type { Message, MessageType } from '../../message/types.js';
import type { MessageOf } from '../../operators/ofType.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';

/** Whether a type matches a pattern, segment by segment. */
type Matches<Pattern extends string, Type extends string> = Pattern extends '**'
  ? true
  : Pattern extends `${infer Head}.${infer Rest}`
    ? Type extends `${infer Segment}.${infer Others}`
      ? Head extends '*' | Segment
        ? Matches<Rest, Others>
        : false
      : false
    : Type extends `${string}.${string}`
      ? false
      : Pattern extends '*' | Type
        ? true
        : false;

type KnownTypes<Pattern extends string> = { [T in MessageType]: Matches<Pattern, T> extends true ? T : never }[MessageType];

/**
 * The messages that a pattern matches: of an exact one, that type's; of one with wildcards, the union of the declared types that it matches,
 * which `type` tells apart. Types that nobody declared are not part of it, though they match; where none is declared, and for a regular
 * expression, it is any message, with an `unknown` payload.
 *
 * @example
 * const show = ({ payload }: MessageMatching<'file.*'>) => payload.path;
 */
export type MessageMatching<P extends string | RegExp> = P extends string
  ? P extends `${string}*${string}`
    ? [KnownTypes<P>] extends [never]
      ? Message
      : MessageOf<KnownTypes<P>>
    : MessageOf<P>
  : Message;

/** Gets the messages that match. Its work is done when what it returns completes, or at once. */
export type RouteHandler<P extends string | RegExp> = (message: MessageMatching<P>) => HandlerWork<unknown>;
