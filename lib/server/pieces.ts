/** However little is to come. */
const ALWAYS = 4_096;
/** Nobody has reason to cut into smaller ones, in bytes. */
const SMALLEST = 256;

/** In how many pieces so many bytes may come: to keep one costs more than what it holds. */
export function maxPieces(bytes: number): number {
  return Math.max(ALWAYS, bytes / SMALLEST);
}
