import { defer, filter, map, tap, timer, type Observable } from 'rxjs';
import { consume, createMessage } from 'rxwire';

export const lines = { source: '-abX---------c-----|' };
export const outputs = ['tried', 'dead'];
export const options = { takes: 2, concurrency: 1, initialInterval: 1, maxRetries: 2 };

/** A letter is the id of a message. Its handler takes `takes` ms, and fails for a capital letter. */
export const pipeline =
  ({ takes, concurrency, ...retry }: typeof options) =>
  (source: Observable<string>, { tried, dead }: Record<'tried' | 'dead', (id: string) => void>) => {
    const handler = ({ id }: { readonly id: string }): Observable<unknown> =>
      defer(() => {
        tried(id);
        return timer(takes).pipe(
          tap(() => {
            if (id < 'a') throw new Error(`the handler fails for ${id}`);
          }),
        );
      });
    return source.pipe(
      map((id) => createMessage('letter', null, { id })),
      consume(handler, { concurrency, retry, deadLetter: ({ message }) => dead(message.id) }),
      filter(({ status }) => status === 'done'),
      map(({ message }) => message.id),
    );
  };
