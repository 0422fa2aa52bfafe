import { NAME_PATTERN } from '../../message/messageLimits.js';

/** The maximum number of segments in a pattern. */
const MAX_SEGMENTS = 16;

interface Node<T> {
  /** By name. A Map, so that no name has a special meaning. */
  readonly children: Map<string, Node<T>>;
  /** The child for `*`, separate from the named ones because a topic may have a segment `*`. */
  any: Node<T> | undefined;
  /** The values of patterns that end here. */
  readonly ends: Set<T>;
  /** The values of patterns that continue with `**` from here. */
  readonly rests: Set<T>;
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
 * Splits a pattern into segments.
 *
 * @throws {RangeError} If the pattern is invalid.
 */
export function segmentsOf(owner: string, pattern: string): readonly string[] {
  const segments = pattern.split('.');
  const isName = (segment: string): boolean => segment === '*' || !segment.includes('*');
  const named = segments.at(-1) === '**' ? segments.slice(0, -1) : segments;
  // A wildcard stands for a name: with the wildcards replaced, a pattern must be a valid name.
  if (segments.length > MAX_SEGMENTS || !named.every(isName) || !NAME_PATTERN.test(pattern.replaceAll('*', '_')))
    throw new RangeError(`${owner}: a pattern has 1 to ${MAX_SEGMENTS} segments, "*" is one, "**" the last, got ${shown(pattern)}`);
  return segments;
}

export function createTrie<T>(owner: string): Trie<T> {
  const root = createNode<T>();

  return {
    add(pattern, value) {
      let node = root;
      for (const segment of segmentsOf(owner, pattern)) {
        if (segment === '**') return void node.rests.add(value);
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
  return { children: new Map(), any: undefined, ends: new Set(), rests: new Set() };
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
  if (segment === undefined) node.ends.delete(value);
  else if (segment === '**') node.rests.delete(value);
  else {
    const child = segment === '*' ? node.any : node.children.get(segment);
    if (child && prune(child, segments, depth + 1, value)) {
      if (segment === '*') node.any = undefined;
      else node.children.delete(segment);
    }
  }
  return node.children.size === 0 && !node.any && node.ends.size === 0 && node.rests.size === 0;
}

/** Recurses no deeper than the patterns, however many segments the topic has. */
function collect<T>(node: Node<T>, topic: string, from: number, found: T[]): void {
  for (const value of node.rests) found.push(value);
  if (node.children.size === 0 && !node.any) return;
  const dot = topic.indexOf('.', from);
  const isLast = dot < 0;
  const named = node.children.get(isLast ? topic.slice(from) : topic.slice(from, dot));
  for (const next of [named, node.any]) {
    if (!next) continue;
    if (!isLast) collect(next, topic, dot + 1, found);
    else for (const value of next.ends) found.push(value);
  }
}

function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 140 ? `${pattern.slice(0, 140)}…` : pattern);
}
