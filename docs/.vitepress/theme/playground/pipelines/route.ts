import { map, timer, type Observable } from 'rxjs';
import { createMessage, route, type Message } from 'rxwire';

export const lines = { source: '-abcXb---------|' };
export const outputs = ['unhandled', 'dead'];
export const options = { takes: 3, initialInterval: 1, maxRetries: 2 };

/** A letter is a message of that type. The handler of `a` takes `takes` ms, that of `X` fails, and `c` has none. */
export const pipeline =
  ({ takes, ...retry }: typeof options) =>
  (source: Observable<string>, { unhandled, dead }: Record<'unhandled' | 'dead', (type: string) => void>) => {
    const handlers = {
      a: () => timer(takes),
      b: () => undefined,
      X: () => {
        throw new Error('the handler fails');
      },
    };
    return source.pipe(
      map((type): Message => createMessage(type, null)),
      route(handlers, { retry, onUnhandled: ({ type }) => unhandled(type), onError: (_, { type }) => dead(type) }),
      map(({ type }) => type),
    );
  };
