import { defer, map, type OperatorFunction } from 'rxjs';
import type { Message } from 'rxwire';

export interface Delivery {
  readonly received: number;
  /** Numbers that are missing although a later one is here. */
  readonly lost: number;
  /** Arrivals of a number that was here before. */
  readonly doubled: number;
}

/**
 * Counts what is lost and doubled of streams that come one after the other, each named by its `correlationId` and numbered from 1 by
 * its sender in `metadata.deliveryTag`.
 *
 *     source           -1-2-4-2-|
 *     countDelivery    -a-b-c-d-|     (at c one is lost, at d one is doubled as well)
 */
export function countDelivery(): OperatorFunction<Message, Delivery> {
  return (source) =>
    defer(() => {
      const seen = new Set<number>();
      let stream: string | undefined;
      let [received, doubled, lostBefore, highest] = [0, 0, 0, 0];

      return source.pipe(
        map(({ correlationId, metadata }): Delivery => {
          const number = Number(metadata?.deliveryTag ?? 0);
          if (correlationId !== stream) {
            lostBefore += highest - seen.size;
            stream = correlationId;
            highest = 0;
            seen.clear();
          }
          if (seen.has(number)) doubled++;
          seen.add(number);
          highest = Math.max(highest, number);
          return { received: ++received, lost: lostBefore + highest - seen.size, doubled };
        }),
      );
    });
}
