import { defer, map, startWith, Subject } from 'rxjs';
import { isName, MAX_NAME_LENGTH } from '../../message/messageLimits.js';
import type { Message, MessageType } from '../../message/types.js';
import type { MessageOf } from '../ofType.js';
import type { HandlerWork } from '../consume/consumeOptions.js';

/** The maximum number of cached topics, and their maximum length: about 2 MiB in all. */
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
    patterns$: defer(() =>
      changes$.pipe(
        startWith(undefined),
        map(() => [...patterns.values()]),
      ),
    ),
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

/** Whether a type matches a pattern, segment by segment. A `*` at the end matches all the rest. */
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

const MAX_SEGMENTS = 16;

interface Node<T> {
  /** By name. A Map, so that no name has a special meaning. */
  readonly children: Map<string, Node<T>>;
  /** The child for a segment `*`: a topic may have a segment of that name, too. */
  any: Node<T> | undefined;
  readonly ends: Set<T>;
  /** The values of patterns that end with `*` here, by the text before it: '' for `*` and `**`. */
  readonly prefixes: Map<string, Set<T>>;
}

/**
 * Splits a pattern into segments. A `*` at the end of the last one matches all that follows.
 *
 * @throws {RangeError} If the pattern is invalid.
 */
function segmentsOf(owner: string, pattern: string): readonly string[] {
  const segments = pattern.split('.');
  const isValid = (segment: string, index: number): boolean => {
    const isLast = index === segments.length - 1;
    if (segment === '*' || (isLast && segment === '**')) return true;
    return !(isLast && segment.endsWith('*') ? segment.slice(0, -1) : segment).includes('*');
  };
  if (segments.length > MAX_SEGMENTS || !segments.every(isValid) || pattern === '' || !isName(pattern))
    throw new RangeError(
      `${owner}: a pattern has 1 to ${MAX_SEGMENTS} segments, "*" is one of them or the end, "**" the last one, got ${shown(pattern)}`,
    );
  return segments;
}

/** Returns the text before a `*` at the end of a pattern, within its last segment. */
function prefixIn(segments: readonly string[], index: number): string | undefined {
  const segment = segments[index] as string;
  if (index < segments.length - 1 || !segment.endsWith('*')) return undefined;
  return segment === '**' ? '' : segment.slice(0, -1);
}

/** Creates values by pattern. The cost of a lookup depends on the topic, not on the patterns. */
function createTrie<T>(owner: string) {
  const root = createNode<T>();

  return {
    add(pattern: string, value: T): void {
      let node = root;
      const segments = segmentsOf(owner, pattern);
      for (const [index, segment] of segments.entries()) {
        const prefix = prefixIn(segments, index);
        if (prefix !== undefined) return void valuesOf(node, prefix).add(value);
        node = childOf(node, segment);
      }
      node.ends.add(value);
    },
    remove: (pattern: string, value: T): void => void prune(root, segmentsOf(owner, pattern), 0, value),
    find(topic: string): T[] {
      const found: T[] = [];
      collect(root, topic, 0, found);
      return found;
    },
  };
}

function createNode<T>(): Node<T> {
  return { children: new Map(), any: undefined, ends: new Set(), prefixes: new Map() };
}

function valuesOf<T>(node: Node<T>, prefix: string): Set<T> {
  let values = node.prefixes.get(prefix);
  if (!values) node.prefixes.set(prefix, (values = new Set()));
  return values;
}

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  if (segment === '*') return (node.any ??= createNode());
  const child = node.children.get(segment) ?? createNode<T>();
  node.children.set(segment, child);
  return child;
}

/** Removes a value, and the nodes that become empty. Returns whether this node is empty. */
function prune<T>(node: Node<T>, segments: readonly string[], depth: number, value: T): boolean {
  const segment = segments[depth];
  const prefix = segment === undefined ? undefined : prefixIn(segments, depth);
  if (segment === undefined) node.ends.delete(value);
  else if (prefix !== undefined) {
    const values = valuesOf(node, prefix);
    values.delete(value);
    if (values.size === 0) node.prefixes.delete(prefix);
  } else {
    const child = segment === '*' ? node.any : node.children.get(segment);
    if (child && prune(child, segments, depth + 1, value)) {
      if (segment === '*') node.any = undefined;
      else node.children.delete(segment);
    }
  }
  return node.children.size === 0 && !node.any && node.ends.size === 0 && node.prefixes.size === 0;
}

/** Recurses no deeper than the patterns, however many segments the topic has. */
function collect<T>(node: Node<T>, topic: string, from: number, found: T[]): void {
  const isLeaf = node.children.size === 0 && !node.any;
  if (isLeaf && node.prefixes.size === 0) return;
  const dot = topic.indexOf('.', from);
  const isLast = dot < 0;
  if (node.prefixes.size > 0) collectPrefixes(node.prefixes, topic, from, isLast ? topic.length : dot, found);
  if (isLeaf) return;
  const named = node.children.get(isLast ? topic.slice(from) : topic.slice(from, dot));
  for (const next of [named, node.any]) {
    if (!next) continue;
    if (!isLast) collect(next, topic, dot + 1, found);
    else for (const value of next.ends) found.push(value);
  }
}

/** Looks up each beginning of a segment: the number of prefixes does not matter. */
function collectPrefixes<T>(prefixes: ReadonlyMap<string, Set<T>>, topic: string, from: number, to: number, found: T[]): void {
  const last = Math.min(to, from + MAX_NAME_LENGTH);
  for (let end = from; end <= last; end++) {
    const values = prefixes.get(topic.slice(from, end));
    if (values) for (const value of values) found.push(value);
    // Most often there is no prefix but the empty one.
    if (end === from && values && prefixes.size === 1) return;
  }
}

function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 140 ? `${pattern.slice(0, 140)}…` : pattern);
}
