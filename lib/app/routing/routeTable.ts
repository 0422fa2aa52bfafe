import { defer, map, startWith, Subject } from 'rxjs';
import type { Message, MessageType } from '../../message/types.js';
import type { MessageOf } from '../../operators/ofType.js';
import type { HandlerWork } from '../../session/consume/consumeOptions.js';
import { createTrie, segmentsOf } from './trie.js';

/**
 * The maximum number of cached topics, and their maximum length: more than a protocol has. The
 * cache stays below about 2 MiB in every case.
 */
const MAX_TOPICS = 4_096;
const MAX_LENGTH = 128;

interface Entry<T> {
  readonly value: T;
  /** The order of insertion, in which handlers start. */
  readonly order: number;
}

/** Creates a table from a trie, a list of regular expressions, and a cache in front of both. */
export function createRouteTable<T>(owner: string) {
  const trie = createTrie<Entry<T>>(owner);
  const patterns = new Map<Entry<T>, string | RegExp>();
  const expressions = new Map<Entry<T>, RegExp>();
  const changes$ = new Subject<void>();
  const cache = new Map<string, readonly T[]>();
  let added = 0;

  const search = (topic: string): readonly T[] => {
    const entries = trie.find(topic);
    for (const [entry, expression] of expressions) if (isMatch(expression, topic)) entries.push(entry);
    return entries.sort((one, other) => one.order - other.order).map(({ value }) => value);
  };

  const onChange = (): void => {
    cache.clear();
    changes$.next();
  };

  return {
    /** Emits all patterns: now, and at each change. */
    patterns$: defer(() =>
      changes$.pipe(
        startWith(undefined),
        map(() => [...patterns.values()]),
      ),
    ),
    /** Adds a value. Returns a function that removes it. */
    add(pattern: string | RegExp, value: T): () => void {
      const entry = { value, order: added++ };
      // A copy, because `lastIndex` of the original belongs to the caller.
      if (typeof pattern === 'string') trie.add(pattern, entry);
      else expressions.set(entry, new RegExp(pattern));
      patterns.set(entry, pattern);
      onChange();
      return () => {
        if (typeof pattern === 'string') trie.remove(pattern, entry);
        else expressions.delete(entry);
        patterns.delete(entry);
        onChange();
      };
    },
    /** Returns the values of all matching patterns, in the order of insertion. */
    find(topic: string): readonly T[] {
      const known = cache.get(topic);
      if (known) return known;
      const found = search(topic);
      // Clears the whole cache: tracking the order of use would cost a write for each message.
      if (cache.size >= MAX_TOPICS) cache.clear();
      if (topic.length <= MAX_LENGTH) cache.set(topic, found);
      return found;
    },
  };
}

/** Returns a function that tests whether a topic matches one pattern. */
export function matcher(owner: string, pattern: string | RegExp): (topic: string) => boolean {
  if (typeof pattern !== 'string') {
    const expression = new RegExp(pattern);
    return (topic) => isMatch(expression, topic);
  }
  if (segmentsOf(owner, pattern).every((segment) => !segment.includes('*'))) return (topic) => topic === pattern;
  const trie = createTrie<true>(owner);
  trie.add(pattern, true);
  return (topic) => trie.find(topic).length > 0;
}

function isMatch(expression: RegExp, topic: string): boolean {
  // A global or sticky expression would start at its last match.
  expression.lastIndex = 0;
  return expression.test(topic);
}

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
