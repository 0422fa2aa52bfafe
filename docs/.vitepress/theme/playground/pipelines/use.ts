import { map, timer, type Observable } from 'rxjs';
import { createMessage, use, type Message } from 'rxwire';

export const lines = { source: '-abX----cb-|' };
export const options = { takes: 3 };

/** A letter is a message of that type. The middleware needs `takes` ms for `a`, and stops capital letters. */
export const pipeline =
  ({ takes }: typeof options) =>
  (source: Observable<string>) =>
    source.pipe(
      map((type): Message => createMessage(type, null)),
      use(({ type }) => {
        if (type === 'a') return timer(takes).pipe(map(() => undefined));
        return type < 'a' ? null : undefined;
      }),
      map(({ type }) => type),
    );
