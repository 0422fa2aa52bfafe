import { concatMap, defer, tap, type OperatorFunction } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { asInput, type Later } from '../internal/later.js';
import { GAP } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';

/** A frame, and what it came over. */
export type Arrival<C> = readonly [frame: Frame, connection: C];

/** What it costs to keep a frame, besides its bytes. */
const OVERHEAD = 1_024;

/**
 * Reads one frame after the other, at once unless the one before takes its time.
 *
 * @param maxBytes When more than that wait, `onFull` is to end the connection.
 */
export function readInOrder<T, C>(
  read: (...arrival: Arrival<C>) => Later<T>,
  maxBytes: number,
  onFull: (error: ConnectionLostError) => void,
): OperatorFunction<Arrival<C>, T> {
  return (arrivals$) =>
    defer(() => {
      let waiting = 0;
      return arrivals$.pipe(
        tap(([{ length }]) => {
          if (waiting > maxBytes) onFull(new ConnectionLostError(GAP, 'more frames than can be decoded'));
          waiting += length + OVERHEAD;
        }),
        concatMap((arrival) => {
          waiting -= arrival[0].length + OVERHEAD;
          return asInput(read(...arrival));
        }),
      );
    });
}
