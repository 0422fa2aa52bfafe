import type { Socket } from 'node:net';
import { createRing } from '../../lib/operators/buffers/ring.js';

/** What befalls the bytes that go one way. */
export interface Weather {
  /** They vanish, without a word: a connection that has lost some carries none any more. */
  readonly swallow: boolean;
  /** They wait where they are: nothing is read. */
  readonly stall: boolean;
  /** How much longer they take, in ms. */
  readonly delay: number;
  /** Bytes that arrive at once, at most. */
  readonly slice: number;
}

export const FAIR: Weather = { swallow: false, stall: false, delay: 0, slice: Infinity };

/** One direction of a connection. */
export interface Lane {
  /** The weather has changed. */
  refresh(): void;
  /** Reads nothing any more. */
  stop(): void;
}

/** Bytes on their way, after which no more are read. */
const MAX_BYTES = 256 * 1024;

/** Carries bytes from one socket to the other, as the weather is. */
export function createLane(from: Socket, to: Socket, weather: () => Weather): Lane {
  const waiting = createRing<{ readonly due: number; readonly bytes: Buffer }>();
  let size = 0;
  let isLost = false;
  let isStopped = false;
  let isBusy = false;

  const refresh = (): void => {
    if (isStopped || weather().stall || size > MAX_BYTES) from.pause();
    else from.resume();
  };
  /** Writes what is due, until there is something to wait for. */
  const carry = (): void => {
    isBusy = false;
    for (let next = waiting.peek(); next && !isBusy && !to.destroyed; next = waiting.peek()) {
      const early = next.due - Date.now();
      isBusy = true;
      if (early > 0) {
        setTimeout(carry, early);
        break;
      }
      waiting.shift();
      size -= next.bytes.length;
      if (!to.write(next.bytes)) to.once('drain', carry);
      // What is written in one go arrives in one go.
      else if (weather().slice < Infinity) setImmediate(carry);
      else isBusy = false;
    }
    refresh();
  };
  const take = (chunk: Buffer): void => {
    const { swallow, delay, slice } = weather();
    isLost ||= swallow;
    if (isLost) return;
    const due = Date.now() + delay;
    for (let at = 0; at < chunk.length; at += slice) waiting.push({ due, bytes: chunk.subarray(at, at + slice) });
    size += chunk.length;
    if (isBusy) refresh();
    else carry();
  };

  from.on('data', take);
  refresh();
  return {
    refresh,
    stop() {
      isStopped = true;
      refresh();
    },
  };
}
