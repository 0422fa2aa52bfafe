import type { Observable } from 'rxjs';
import { resequence } from 'rxwire';

export const lines = { source: '-a-c-b-e-d--g-----h|' };
export const outputs = ['missing', 'dropped'];
export const options = { maxWait: 5, maxSize: 10 };

/** The number of a letter is its place in the alphabet, whatever its case. */
export const pipeline =
  ({ maxWait, maxSize }: typeof options) =>
  (source: Observable<string>, { missing, dropped }: Record<'missing' | 'dropped', (letter: string) => void>) =>
    source.pipe(
      resequence((letter) => letter.toLowerCase().charCodeAt(0), {
        maxWait,
        maxSize,
        onGap: ({ first }) => missing(String.fromCharCode(first)),
        onDrop: dropped,
      }),
    );
