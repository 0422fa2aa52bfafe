/** The limit of a small message. */
const MIN_LIMIT = 4_096;
/** The minimum average size of fragments, in bytes: no client has reason to send smaller ones. */
const SMALLEST_FRAGMENT = 256;

/**
 * Returns the maximum number of fragments in which a message of this size may arrive: a small
 * fragment takes more memory than its content.
 */
export function maxFragments(bytes: number): number {
  return Math.max(MIN_LIMIT, bytes / SMALLEST_FRAGMENT);
}
