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

/** Two stacks, of which one is turned over when the other is empty. */
interface Stacks<T> {
  coming: T[];
  going: T[];
}

/** A server has several for each connection: with closures of its own, an empty one takes a kilobyte. */
const methods: Ring<unknown> & ThisType<Stacks<unknown>> = {
  get size() {
    return this.coming.length + this.going.length;
  },
  push(value) {
    this.coming.push(value);
  },
  peek() {
    turn(this);
    return this.going.at(-1);
  },
  shift() {
    turn(this);
    return this.going.pop();
  },
  values() {
    return [...[...this.going].reverse(), ...this.coming];
  },
};

/** An empty {@link Ring}. */
export function createRing<T>(): Ring<T> {
  const stacks: Stacks<T> = { coming: [], going: [] };
  return Object.assign(Object.create(methods) as Ring<T>, stacks);
}

function turn(stacks: Stacks<unknown>): void {
  const { coming, going } = stacks;
  if (going.length === 0) [stacks.coming, stacks.going] = [going, coming.reverse()];
}
