/** Virtual time: actions in the order of their times, and of their calls within one time. */
export class VirtualClock {
  now = 0;
  /** A binary heap. */
  readonly #heap: { readonly at: number; readonly order: number; readonly action: () => void }[] = [];
  #order = 0;

  after(delay: number, action: () => void): void {
    const entry = { at: this.now + delay, order: ++this.#order, action };
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Runs the next action. Returns false if there is none before `until`. */
  step(until: number): boolean {
    const [first] = this.#heap;
    if (!first || first.at > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.#removeFirst();
    this.now = first.at;
    first.action();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

interface Timed {
  readonly at: number;
  readonly order: number;
}
const isBefore = (one: Timed, other: Timed): boolean => one.at < other.at || (one.at === other.at && one.order < other.order);
