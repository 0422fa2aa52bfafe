import type { Observable } from 'rxjs';
import { request } from '../lib/operators/requests/request.js';
import type { RequestOptions } from '../lib/operators/requests/requestTypes.js';
import { ReplyError, RequestTimeoutError, WireClosedError } from '../lib/message/errors.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const said = (type: string, payload: unknown, number?: number): Message =>
  createMessage<string, unknown>(type, payload, {
    ...{ id: type, timestamp: 0, correlationId: 'q' },
    ...(number !== undefined && { metadata: { deliveryTag: String(number) } }),
  });

const values = {
  A: said('reply', 'a', 0),
  B: said('reply', 'b', 1),
  C: said('reply', 'c', 2),
  L: said('reply.last', 'l'),
  E: said('reply.complete', null, 2),
  X: said('reply.error', { code: 'ERR_NO_SUCH_FILE', message: 'there is none' }),
  P: said('reply.progress', 'p'),
};

/** Asks over a wire of which `source` is what the other side says; `sent` gets `q` for the request, `x` for its cancellation. */
const ask = (source: Observable<Message>, sent: (letter: unknown) => void, options: RequestOptions<string> = {}) =>
  request(
    Object.assign(source, { next: ({ type }: Message) => sent(type === 'request.cancel' ? 'x' : 'q') }),
    createMessage('test.ask', null, { id: 'q', timestamp: 0 }),
    options,
  );

marble(
  'sends the request, and emits the reply',
  {
    ...{ operator: 'request(wire, q)', values, source: '---L--' },
    ...{ outputs: { sent: 'q--' }, expected: '---(l|)', subs: '^---' },
  },
  (source, { sent }) => ask(source, sent),
);

marble(
  'emits many replies, each once',
  {
    ...{ operator: 'request(wire, q)', values, source: '-A-ABAB-E--' },
    ...{ outputs: { sent: 'q' }, expected: '-a--b---|', subs: '^--------' },
  },
  (source, { sent }) => ask(source, sent),
);

marble(
  'gives up when the other side is silent for too long, and tells it',
  {
    ...{ operator: 'request(wire, q, timeout: 5 ms)', values, source: '--A------C-', error: new RequestTimeoutError('q', 5, 'test.ask') },
    ...{ outputs: { sent: 'q------x' }, expected: '--a----#', subs: '^-------' },
  },
  (source, { sent }) => ask(source, sent, { timeout: 5 }),
);

marble(
  'waits while the other side reports progress',
  {
    ...{ operator: 'request(wire, q, timeout: 5 ms, onProgress: told)', values, source: '---P---P---L-' },
    ...{ outputs: { sent: 'q', told: '---p---p' }, expected: '-----------(l|)', subs: '^-----------' },
  },
  (source, { sent, told }) => ask(source, sent, { timeout: 5, onProgress: told }),
);

marble(
  'has more patience once it has heard something',
  {
    ...{
      operator: 'request(wire, q, timeout: 3 ms, each: 6 ms)',
      values,
      source: '--A----B------',
      error: new RequestTimeoutError('q', 6, 'test.ask'),
    },
    ...{ outputs: { sent: 'q------------x' }, expected: '--a----b-----#', subs: '^-------------' },
  },
  (source, { sent }) => ask(source, sent, { timeout: 3, each: 6 }),
);

marble(
  'is cancelled at the other side when unsubscribed',
  {
    ...{ operator: 'request(wire, q)', values, source: '-A-----', unsub: '---!' },
    ...{ outputs: { sent: 'q--x' }, expected: '-a--', subs: '^---' },
  },
  (source, { sent }) => ask(source, sent),
);

marble(
  'fails with what the other side says',
  {
    ...{ operator: 'request(wire, q)', values, source: '-A-X---', error: new ReplyError('ERR_NO_SUCH_FILE', 'there is none') },
    ...{ outputs: { sent: 'q' }, expected: '-a-#', subs: '^---' },
  },
  (source, { sent }) => ask(source, sent),
);

marble(
  'fails when the wire ends before the answer does',
  {
    ...{ operator: 'request(wire, q)', values, source: '-A--|', error: new WireClosedError('q') },
    ...{ outputs: { sent: 'q' }, expected: '-a--#', subs: '^---!' },
  },
  (source, { sent }) => ask(source, sent),
);
