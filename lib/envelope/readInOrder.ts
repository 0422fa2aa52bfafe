import { isObservable, Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { whenReady, type MaybeAsync } from '../internal/maybeAsync.js';
import { createRing } from '../internal/ring.js';
import { GAP } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';

/** A frame, and its connection. */
export type Arrival<C> = readonly [frame: Frame, connection: C];

/** The memory that a waiting frame takes besides its bytes. */
const OVERHEAD = 1_024;

/** Reads a frame of a connection. */
type Read<T, C> = (...arrival: Arrival<C>) => MaybeAsync<T>;

/**
 * Reads one frame after the other: at once, unless an earlier frame is still being read.
 *
 * @param maxBytes When more bytes wait, `onFull` is called to end the connection.
 */
export function readInOrder<T, C>(
  read: Read<T, C>,
  maxBytes: number,
  onFull: (error: ConnectionLostError) => void,
): OperatorFunction<Arrival<C>, T> {
  return (arrivals$) =>
    new Observable((to) => {
      follow(arrivals$, to, read, (bytes) => {
        if (bytes > maxBytes) onFull(new ConnectionLostError(GAP, 'too many frames wait'));
      });
    });
}

/** Not composed of operators: a `concatMap` for each connection would take 2 KiB. */
function follow<T, C>(arrivals$: Observable<Arrival<C>>, to: Subscriber<T>, read: Read<T, C>, check: (bytes: number) => void): void {
  /** Created when a frame must wait. */
  let waiting: ReturnType<typeof createRing<Arrival<C>>> | undefined;
  let bytes = 0;
  let isBusy = false;
  let isOver = false;

  const error = (reason: unknown): void => to.error(reason);
  const doneLater = (value: T): void => {
    done(value);
    goOn();
  };
  const done = (value: T): void => {
    to.next(value);
    isBusy = false;
  };
  const begin = (arrival: Arrival<C>): void => {
    isBusy = true;
    try {
      const answer = read(...arrival);
      if (isObservable(answer)) to.add(whenReady(answer, doneLater, error));
      else done(answer);
    } catch (reason) {
      error(reason);
    }
  };
  const goOn = (): void => {
    while (!isBusy && !to.closed) {
      const next = waiting?.shift();
      if (!next) break;
      bytes -= next[0].length + OVERHEAD;
      begin(next);
    }
    if (isOver && !isBusy) to.complete();
  };
  const next = (arrival: Arrival<C>): void => {
    check(bytes);
    if (!isBusy && !waiting?.size) {
      begin(arrival);
      goOn();
      return;
    }
    waiting ??= createRing();
    waiting.push(arrival);
    bytes += arrival[0].length + OVERHEAD;
  };
  const complete = (): void => {
    isOver = true;
    goOn();
  };
  to.add(arrivals$.subscribe({ next, error, complete }));
}
