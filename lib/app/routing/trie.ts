import { isName, MAX_NAME_LENGTH } from '../../message/messageLimits.js';

/** The maximum number of segments in a pattern. */
const MAX_SEGMENTS = 16;

interface Node<T> {
  /** By name. A Map, so that no name has a special meaning. */
  readonly children: Map<string, Node<T>>;
  /**
   * The child for a segment `*`, separate from the named ones because a topic may have such a
   * segment.
   */
  any: Node<T> | undefined;
  /** The values of patterns that end here. */
  readonly ends: Set<T>;
  /**
   * The values of patterns that end with a `*` here, by the text before it within the segment: ''
   * for `*` and `**`.
   */
  readonly prefixes: Map<string, Set<T>>;
}

/** Values by pattern. The cost of a lookup depends on the topic, not on the number of patterns. */
export interface Trie<T> {
  /** Adds a value; repeats are ignored. */
  readonly add: (pattern: string, value: T) => void;
  readonly remove: (pattern: string, value: T) => void;
  /** Returns the values of all matching patterns, unordered. */
  readonly find: (topic: string) => T[];
}

/**
 * Splits a pattern into segments. A `*` at the end of the last one matches all that follows.
 *
 * @throws {RangeError} If the pattern is invalid.
 */
export function segmentsOf(owner: string, pattern: string): readonly string[] {
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

/**
 * Returns the text before a `*` at the end of a pattern, within its last segment; undefined for
 * another segment.
 */
function prefixIn(segments: readonly string[], index: number): string | undefined {
  const segment = segments[index] as string;
  if (index < segments.length - 1 || !segment.endsWith('*')) return undefined;
  return segment === '**' ? '' : segment.slice(0, -1);
}

export function createTrie<T>(owner: string): Trie<T> {
  const root = createNode<T>();

  return {
    add(pattern, value) {
      let node = root;
      const segments = segmentsOf(owner, pattern);
      for (const [index, segment] of segments.entries()) {
        const prefix = prefixIn(segments, index);
        if (prefix !== undefined) return void valuesOf(node, prefix).add(value);
        node = childOf(node, segment);
      }
      node.ends.add(value);
    },
    remove: (pattern, value) => void prune(root, segmentsOf(owner, pattern), 0, value),
    find(topic) {
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

/**
 * Looks each beginning of a segment up, so that the cost does not depend on the number of prefixes.
 */
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
