import { map, type Observable } from 'rxjs';
import { createMessage, request, type Message } from 'rxwire';

export const lines = { source: '---a---7---b--C', unsub: '--------------------!' };
export const outputs = ['sent', 'progress'];
export const options = { timeout: 5, each: 5 };

/** The letters of the other side: a reply, a number for progress, and a capital letter for the last reply. `q` is the request, `x` its cancellation. */
export const pipeline =
  (times: typeof options) =>
  (source: Observable<string>, { sent, progress }: Record<'sent' | 'progress', (letter: string) => void>) => {
    let replies = 0;
    const received$ = source.pipe(
      map((letter): Message => {
        const type = /\d/.test(letter) ? 'reply.progress' : letter < 'a' ? 'reply.last' : 'reply';
        return createMessage<string, unknown>(type, letter, {
          correlationId: 'q',
          metadata: { deliveryTag: String(type === 'reply' ? replies++ : replies) },
        });
      }),
    );
    const wire = Object.assign(received$, { next: ({ type }: Message) => sent(type === 'request.cancel' ? 'x' : 'q') });
    return request(wire, createMessage('ask', null, { id: 'q' }), { ...times, onProgress: (letter) => progress(String(letter)) });
  };
