import type { Message, MessageType } from '../../message/types.js';
import type { MessageOf } from '../../operators/ofType.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';

/**
 * Whether a type matches a pattern, segment by segment. A `*` at the end matches all that follows.
 */
type Matches<Pattern extends string, Type extends string> = Pattern extends '**'
  ? true
  : Pattern extends `${infer Head}.${infer Rest}`
    ? Type extends `${infer Segment}.${infer Others}`
      ? Head extends '*' | Segment
        ? Matches<Rest, Others>
        : false
      : false
    : Pattern extends `${infer Prefix}*`
      ? Type extends `${Prefix}${string}`
        ? true
        : false
      : Pattern extends Type
        ? true
        : false;

type KnownTypes<Pattern extends string> = { [T in MessageType]: Matches<Pattern, T> extends true ? T : never }[MessageType];

/**
 * The messages that a pattern matches. For an exact pattern: that type. For a pattern with
 * wildcards: the union of the declared types that it matches, discriminated by `type`; undeclared
 * types match at run time but are not part of the union. Without a declared type, and for a regular
 * expression: any message, with an `unknown` payload.
 *
 * @example
 * import type { MessageMatching } from 'rxwire';
 *
 * const show = ({ payload }: MessageMatching<'file.*'>) => payload.path;
 */
export type MessageMatching<P extends string | RegExp> = P extends string
  ? P extends `${string}*${string}`
    ? [KnownTypes<P>] extends [never]
      ? Message
      : MessageOf<KnownTypes<P>>
    : MessageOf<P>
  : Message;

/** Handles matching messages. Its work is done when its result completes, or at once. */
export type RouteHandler<P extends string | RegExp> = (message: MessageMatching<P>) => HandlerWork<unknown>;
