/** A first-in, first-out queue: O(1) at any length, which an array that is shifted is not. */
export interface Ring<T> {
  readonly size: number;
  push(value: T): void;
  /** The oldest, without taking it. */
  peek(): T | undefined;
  /** Takes the oldest. */
  shift(): T | undefined;
}

const SMALLEST = 16;

/** An empty {@link Ring}. It doubles when full. */
export function createRing<T>(): Ring<T> {
  // A power of two slots, so that an index wraps by a mask.
  let slots = new Array<T | undefined>(SMALLEST);
  let head = 0;
  let size = 0;

  const grow = (): void => {
    const larger = new Array<T | undefined>(slots.length * 2);
    for (let index = 0; index < size; index++) larger[index] = slots[(head + index) & (slots.length - 1)];
    [slots, head] = [larger, 0];
  };

  return {
    get size() {
      return size;
    },
    push(value) {
      if (size === slots.length) grow();
      slots[(head + size++) & (slots.length - 1)] = value;
    },
    peek: () => slots[head],
    shift() {
      if (size === 0) return undefined;
      const value = slots[head];
      slots[head] = undefined; // or it would be kept alive
      head = (head + 1) & (slots.length - 1);
      size--;
      return value;
    },
  };
}
