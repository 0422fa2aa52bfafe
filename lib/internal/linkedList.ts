/**
 * An entry of a {@link LinkedList}. It belongs to one list, and is created once for a value that
 * enters and leaves the list often.
 */
export class ListNode<T> {
  readonly value: T;
  /** Both are undefined while the entry is in no list. */
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;

  constructor(value: T) {
    this.value = value;
  }
}

/**
 * A list in the order in which its entries were appended. Everything is O(1), and takes no memory
 * beyond the entries.
 */
export interface LinkedList<T> {
  size(): number;
  first(): T | undefined;
  /** Appends an entry. An entry that is in the list moves to its end. */
  append(node: ListNode<T>): void;
  /** Removes an entry, if it is in the list. */
  remove(node: ListNode<T>): void;
}

/** Creates an empty {@link LinkedList}. */
export function createLinkedList<T>(): LinkedList<T> {
  // The end, before the first and behind the last entry.
  const end = new ListNode<T | undefined>(undefined) as ListNode<T>;
  end.previous = end.next = end;
  let size = 0;

  const remove = (node: ListNode<T>): void => {
    const { previous, next } = node;
    if (!previous || !next) return;
    previous.next = next;
    next.previous = previous;
    node.previous = node.next = undefined;
    size--;
  };
  return {
    size: () => size,
    first: () => end.next?.value,
    remove,
    append(node) {
      remove(node);
      const last = end.previous as ListNode<T>;
      node.previous = last;
      node.next = end;
      last.next = end.previous = node;
      size++;
    },
  };
}
