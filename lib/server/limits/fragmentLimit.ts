/** The limit of a small message. */
const MIN_LIMIT = 4_096;
/** No client has reason to send smaller fragments, in bytes. */
const SMALLEST_FRAGMENT = 256;

/** Returns in how many fragments a message of so many bytes may arrive: a small fragment takes more memory than its content. */
export function maxFragments(bytes: number): number {
  return Math.max(MIN_LIMIT, bytes / SMALLEST_FRAGMENT);
}
