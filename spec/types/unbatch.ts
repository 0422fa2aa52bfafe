import { of, type Observable } from 'rxjs';
import { unbatch } from '../../lib/operators/unbatch.js';

export const items: Observable<number> = of({ key: 'a', items: [1, 2] }).pipe(unbatch());
export const readonlyItems: Observable<string> = of({ items: ['a'] as const }).pipe(unbatch());
export const noItems: Observable<never> = of({ items: [] }).pipe(unbatch());
export const mixed: Observable<number> = of({ items: [1] }, { items: [] }).pipe(unbatch());

// @ts-expect-error not a batch
of([1, 2]).pipe(unbatch());
