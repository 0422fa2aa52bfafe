import { assertNotNegative, assertPositive } from '../internal/assert.js';
import type { EndpointOptions } from './options.js';

/** @throws {RangeError} When a number is out of range. */
export function checkOptions(owner: string, options: EndpointOptions): void {
  const { maxFrame, window, windowBytes, maxQueued, maxBadFrames, helloTimeout, drainTimeout } = options;
  assertPositive(owner, { maxFrame, window, windowBytes, maxQueued, maxBadFrames, helloTimeout });
  assertNotNegative(owner, { drainTimeout });
}
