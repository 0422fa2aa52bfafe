import { map, type Observable } from 'rxjs';
import { unbatch } from 'rxwire';

export const lines = { source: '--x-----y-----x-----|' };
export const options = { size: 3 };

/** Each letter is a batch of `size` items: x1, x2, x3. */
export const pipeline =
  ({ size }: typeof options) =>
  (source: Observable<string>) =>
    source.pipe(
      map((letter) => ({ items: Array.from({ length: size }, (_, index) => `${letter}${index + 1}`) })),
      unbatch(),
    );
