import { defer, filter, map, type OperatorFunction } from 'rxjs';
import type { Message } from 'rxwire';

export interface Delivery {
  readonly received: number;
  /** Numbers that are missing although a later one is here. */
  readonly lost: number;
  /** Arrivals of a number that was here before. */
  readonly doubled: number;
}

/**
 * Counts what is lost and doubled of a stream that its sender has numbered from 1 in `metadata.deliveryTag`. A message that stands for several has the first
 * and the last number, such as `3-7`. Messages without a number do not count.
 *
 *     source           -1-2-4-2-|
 *     countDelivery    -a-b-c-d-|     (at c one is lost, at d one is doubled as well)
 */
export function countDelivery(): OperatorFunction<Message, Delivery> {
  return (source) =>
    defer(() => {
      const seen = new Set<number>();
      let [received, doubled, highest] = [0, 0, 0];

      return source.pipe(
        map(({ metadata }) => metadata?.deliveryTag),
        filter((tag) => tag !== undefined),
        map((tag): Delivery => {
          const [first = 0, last = first] = tag.split('-').map(Number);
          for (let number = first; number <= last; number++) {
            received++;
            if (seen.has(number)) doubled++;
            seen.add(number);
          }
          highest = Math.max(highest, last);
          return { received, lost: highest - seen.size, doubled };
        }),
      );
    });
}
