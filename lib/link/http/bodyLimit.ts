/** The maximum size of a body in bytes, unless it is a single larger frame. */
export const MAX_BODY = 256 * 1024;

/**
 * Returns the maximum size of a received body, in bytes, for frames of at most `maxFrame` bytes.
 */
export function bodyLimit(maxFrame: number): number {
  return Math.max(maxFrame + 1_024, MAX_BODY);
}
