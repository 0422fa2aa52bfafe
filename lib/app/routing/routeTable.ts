import { createTrie, segmentsOf } from './trie.js';

/** Topics that are remembered, and how long they may be: more than a protocol has. Whatever comes, the cache stays below about 2 MiB. */
const MAX_TOPICS = 4_096;
const MAX_LENGTH = 128;

interface Entry<T> {
  readonly value: T;
  /** When it was added: handlers start in that order. */
  readonly order: number;
}

/** Who wants which topics. */
export interface RouteTable<T> {
  /** Returns how to take it out again. */
  readonly add: (pattern: string | RegExp, value: T) => () => void;
  /** The values of all patterns that match, in the order in which they were added. */
  readonly find: (topic: string) => readonly T[];
}

/** A trie, the regular expressions beside it, and a cache in front of both. */
export function createRouteTable<T>(owner: string): RouteTable<T> {
  const trie = createTrie<Entry<T>>(owner);
  const expressions = new Map<Entry<T>, RegExp>();
  const cache = new Map<string, readonly T[]>();
  let added = 0;

  const look = (topic: string): readonly T[] => {
    const entries = trie.find(topic);
    for (const [entry, expression] of expressions) {
      // A global or sticky one goes on where it last stopped.
      expression.lastIndex = 0;
      if (expression.test(topic)) entries.push(entry);
    }
    return entries.sort((one, other) => one.order - other.order).map(({ value }) => value);
  };

  return {
    add(pattern, value) {
      const entry = { value, order: added++ };
      // A copy: where it last stopped is its owner's.
      if (typeof pattern === 'string') trie.add(pattern, entry);
      else expressions.set(entry, new RegExp(pattern));
      cache.clear();
      return () => {
        if (typeof pattern === 'string') trie.remove(pattern, entry);
        else expressions.delete(entry);
        cache.clear();
      };
    },
    find(topic) {
      const known = cache.get(topic);
      if (known) return known;
      const found = look(topic);
      // Cleared rather than kept in the order of use: that would cost each message a write, and this a lookup once in a while.
      if (cache.size >= MAX_TOPICS) cache.clear();
      if (topic.length <= MAX_LENGTH) cache.set(topic, found);
      return found;
    },
  };
}

/** Whether a topic matches one pattern. */
export function matcher(owner: string, pattern: string | RegExp): (topic: string) => boolean {
  if (typeof pattern === 'string' && segmentsOf(owner, pattern).every((segment) => !segment.includes('*')))
    return (topic) => topic === pattern;
  const table = createRouteTable<true>(owner);
  table.add(pattern, true);
  return (topic) => table.find(topic).length > 0;
}
