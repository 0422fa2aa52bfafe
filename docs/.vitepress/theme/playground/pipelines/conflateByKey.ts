import { map, timer, type Observable } from 'rxjs';
import { conflateByKey } from 'rxwire';

export const lines = { source: '-abcB----------|' };
export const outputs = ['dropped'];
export const options = { takes: 3, concurrency: 1, maxKeys: 10 };

/** The lower and the upper case of a letter have the same key. Each letter takes `takes` ms. */
export const pipeline =
  ({ takes, concurrency, maxKeys }: typeof options) =>
  (source: Observable<string>, { dropped }: Record<'dropped', (letter: string) => void>) =>
    source.pipe(
      conflateByKey(
        (letter) => letter.toLowerCase(),
        (letter) => timer(takes).pipe(map(() => letter)),
        { concurrency, maxKeys, onDrop: dropped },
      ),
    );
