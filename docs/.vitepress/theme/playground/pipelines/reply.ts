import { filter, map, tap, timer, type Observable } from 'rxjs';
import { createMessage, reply, type Message } from 'rxwire';

export const lines = { source: '-abAcdef---------', unsub: '--------------------!' };
export const outputs = ['begun', 'stopped', 'failed'];
export const options = { takes: 3, concurrency: 2, maxWaiting: 1 };

/** A letter is a request with that id, and its capital letter cancels the request. The handler answers after `takes` ms. */
export const pipeline =
  ({ takes, ...limits }: typeof options) =>
  (source: Observable<string>, { begun, stopped, failed }: Record<'begun' | 'stopped' | 'failed', (id: string) => void>) => {
    const handler = ({ id }: Message): Observable<string> => {
      begun(id);
      return timer(takes).pipe(
        map(() => id),
        tap({ unsubscribe: () => stopped(id) }),
      );
    };
    return source.pipe(
      map((letter): Message => {
        const id = letter.toLowerCase();
        return letter === id ? createMessage('ask', null, { id }) : createMessage('request.cancel', null, { correlationId: id });
      }),
      reply({ ask: handler }, limits),
      tap(({ type, correlationId = '' }) => type === 'reply.error' && failed(correlationId)),
      filter(({ type }) => type === 'reply' || type === 'reply.last'),
      map(({ correlationId }) => correlationId),
    );
  };
