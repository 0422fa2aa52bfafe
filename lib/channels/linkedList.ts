/** An entry of one list, created once for a value that enters and leaves it often. */
export class ListNode<T> {
  readonly value: T;
  /** Both are undefined while the entry is in no list. */
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;

  constructor(value: T) {
    this.value = value;
  }
}

export type LinkedList<T> = ReturnType<typeof createLinkedList<T>>;

/** Creates a list in the order of `append`. Everything is O(1), without further memory. */
export function createLinkedList<T>() {
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
    size: (): number => size,
    first: (): T | undefined => end.next?.value,
    /** Removes an entry, if it is in the list. */
    remove,
    /** Appends an entry. An entry that is in the list moves to its end. */
    append(node: ListNode<T>): void {
      remove(node);
      const last = end.previous as ListNode<T>;
      node.previous = last;
      node.next = end;
      last.next = end.previous = node;
      size++;
    },
  };
}
