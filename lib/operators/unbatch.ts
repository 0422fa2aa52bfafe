import { concatMap, type OperatorFunction } from 'rxjs';

/**
 * Emits the items of each batch, in order: the inverse of `batchByKey`.
 *
 *     source     --A----B-|     (A is { items: ['a', 'b'] }, B is { items: ['c'] })
 *     unbatch    --(ab)-c-|
 *
 * @example
 * import { of, toArray } from 'rxjs';
 * import { unbatch } from 'rxwire';
 *
 * of({ items: [1, 2] }, { items: [3] })
 *   .pipe(unbatch(), toArray())
 *   .subscribe((all) => console.log(all.join())); // prints: 1,2,3
 */
export function unbatch<B extends { readonly items: readonly unknown[] }>(): OperatorFunction<B, B['items'][number]> {
  return concatMap(({ items }): B['items'] => items);
}
