/**
 * Doubles the delay each time: 1, 2, 4, 8, … times `initialInterval`.
 *
 * @param iteration The number of retries before this one.
 * @param initialInterval In ms.
 * @example
 * import { exponentialDelay } from 'rxwire';
 *
 * console.log([0, 1, 2, 3].map((iteration) => exponentialDelay(iteration, 500)).join(' ')); // prints: 500 1000 2000 4000
 */
export function exponentialDelay(iteration: number, initialInterval: number): number {
  return 2 ** iteration * initialInterval;
}

/**
 * Increases the delay linearly: 1, 2, 3, 4, … times `initialInterval`.
 *
 * @param iteration The number of retries before this one.
 * @param initialInterval In ms.
 * @example
 * import { linearDelay } from 'rxwire';
 *
 * console.log([0, 1, 2, 3].map((iteration) => linearDelay(iteration, 500)).join(' ')); // prints: 500 1000 1500 2000
 */
export function linearDelay(iteration: number, initialInterval: number): number {
  return (iteration + 1) * initialInterval;
}
