import type { Observable } from 'rxjs';
import { dedupe } from 'rxwire';

export const lines = { source: '-a-abab-b--|' };
export const outputs = ['duplicates'];
export const options = { ttl: 4, maxSize: 10 };

/** A letter is its own key. */
export const pipeline =
  ({ ttl, maxSize }: typeof options) =>
  (source: Observable<string>, { duplicates }: Record<'duplicates', (letter: string) => void>) =>
    source.pipe(dedupe({ key: (letter) => letter, ttl, maxSize, onDuplicate: duplicates }));
