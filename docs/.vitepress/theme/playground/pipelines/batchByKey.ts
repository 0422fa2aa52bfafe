import type { Observable } from 'rxjs';
import { batchByKey } from 'rxwire';

export const lines = { source: '-a-Ab-a------|' };
export const options = { maxSize: 2, maxWait: 5, maxKeys: 10 };

/** The lower and the upper case of a letter have the same key. */
export const pipeline =
  ({ maxSize, maxWait, maxKeys }: typeof options) =>
  (source: Observable<string>) =>
    source.pipe(batchByKey((letter) => letter.toLowerCase(), { maxSize, maxWait, maxKeys }));
