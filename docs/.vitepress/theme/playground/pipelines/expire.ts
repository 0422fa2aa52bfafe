import { map, type Observable } from 'rxjs';
import { expire } from 'rxwire';

export const lines = { source: '-a-A-a-A-a|' };
export const outputs = ['expired'];
export const options = { ttl: 5 };

/** Each letter is a message that was created at the time 0. A small letter has a `ttl`. */
export const pipeline =
  ({ ttl }: typeof options) =>
  (source: Observable<string>, { expired }: Record<'expired', (letter: string) => void>) =>
    source.pipe(
      map((id) => ({ id, timestamp: 0, ...(id === id.toLowerCase() && { ttl }) })),
      expire({ onExpired: ({ id }) => expired(id) }),
      map(({ id }) => id),
    );
