import { assertNotNegative, assertPositive, assertWhole } from '../internal/assert.js';
import type { EndpointOptions } from './options.js';

/** @throws {RangeError} When a number is out of range. */
export function checkOptions(owner: string, options: EndpointOptions): void {
  const { maxFrame, window, windowBytes, maxQueued, maxBadFrames, helloTimeout, drainTimeout } = options;
  assertPositive(owner, { maxFrame, maxQueued, maxBadFrames, helloTimeout });
  assertWhole(owner, { window, windowBytes });
  assertNotNegative(owner, { drainTimeout });
}
