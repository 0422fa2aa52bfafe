/** A first-in, first-out queue: O(1) amortised at any length, which an array that is shifted is not. */
export interface Ring<T> {
  readonly size: number;
  push(value: T): void;
  /** The oldest, without taking it. */
  peek(): T | undefined;
  /** Takes the oldest. */
  shift(): T | undefined;
  /** All, the oldest first. */
  values(): readonly T[];
}

/** An empty {@link Ring}: two stacks, of which one is turned over when the other is empty. */
export function createRing<T>(): Ring<T> {
  let coming: T[] = [];
  let going: T[] = [];
  const turn = (): void => {
    if (going.length === 0) [coming, going] = [going, coming.reverse()];
  };

  return {
    get size() {
      return coming.length + going.length;
    },
    push: (value) => void coming.push(value),
    peek() {
      turn();
      return going.at(-1);
    },
    shift() {
      turn();
      return going.pop();
    },
    values: () => [...[...going].reverse(), ...coming],
  };
}
