import { map, timer, type Observable } from 'rxjs';
import { idempotent } from 'rxwire';

export const lines = { source: '-a----a-b---a-|' };
export const outputs = ['asked'];
export const options = { takes: 3, ttl: 10, maxSize: 10 };

/** The handler answers `a` with `A` after `takes` ms. */
export const pipeline =
  ({ takes, ttl, maxSize }: typeof options) =>
  (source: Observable<string>, { asked }: Record<'asked', (letter: string) => void>) => {
    const handler = (letter: string): Observable<string> => {
      asked(letter);
      return timer(takes).pipe(map(() => letter.toUpperCase()));
    };
    return source.pipe(idempotent(handler, { key: (letter) => letter, ttl, maxSize }));
  };
