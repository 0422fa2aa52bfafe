import { SpanStatusCode } from '@opentelemetry/api';
import { repeat, retry, VirtualTimeScheduler } from 'rxjs';
import { ReplyError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { tracedRequest } from '../../../lib/adapters/opentelemetry/traceWire.js';
import { fakeWire } from '../../support/fakeWire.js';
import { record } from '../../support/record.js';
import { traceparentOf, tracing } from '../../support/tracing.js';

const spans = tracing();
const { find, within } = spans;
const message = createMessage('files.list', '/', { id: 'r1' });
const scheduler = new VirtualTimeScheduler();

describe('tracedRequest', () => {
  it('sends nothing and starts no span before it is subscribed to, and checks its options at once', () => {
    const { wire, sent } = fakeWire();
    tracedRequest(wire, message, { scheduler });
    expect([sent, spans.ended()]).toEqual([[], []]);
    expect(() => tracedRequest(wire, message, { timeout: 0 })).toThrow(new RangeError('request: "timeout" must be > 0, got 0'));
  });

  it('carries the context of its span, which ends with the last reply', () => {
    const { wire, sent, say } = fakeWire();
    const replies = record(within('click', () => tracedRequest(wire, message, { scheduler })));
    expect(spans.names()).toEqual(['click']);
    say('reply', 'r1', 'a', 0);
    say('reply.last', 'r1', 'b', 1);
    expect(replies.values).toEqual(['a', 'b']);
    expect(sent).toMatchObject([{ id: 'r1', headers: { traceparent: traceparentOf(find('request files.list')) } }]);
    expect(find('request files.list').attributes).toMatchObject({ 'rxwire.replies': 2 });
  });

  it('is in error when the other side answers with an error', () => {
    const { wire, say } = fakeWire();
    const replies = record(tracedRequest(wire, message, { scheduler }));
    say('reply.error', 'r1', { code: 'ERR_NO_FOLDER', message: 'no such folder' });
    expect(replies.isOver()).toBe(true);
    expect(find('request files.list')).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': 'ERR_REPLY' } });
  });

  it('is cancelled when it is unsubscribed', () => {
    const { wire, sentTypes } = fakeWire();
    record(tracedRequest(wire, message, { scheduler })).subscription.unsubscribe();
    expect(sentTypes()).toEqual(['files.list', 'request.cancel']);
    expect(find('request files.list')).toMatchObject({ status: { code: SpanStatusCode.UNSET }, attributes: { 'rxwire.cancelled': true } });
  });

  it.each(['repeat', 'retry'] as const)('is a request and a span of its own each time: %s', (how) => {
    const { wire, sent, say } = fakeWire();
    const replies = record(tracedRequest(wire, message, { scheduler }).pipe(how === 'repeat' ? repeat(2) : retry({ count: 1 })));
    say(how === 'repeat' ? 'reply.last' : 'reply.error', 'r1', null);
    say('reply.last', sent[1]!.id, 'b');
    expect(replies.values.at(-1)).toBe('b');
    const requests = spans.ended().filter(({ name }) => name === 'request files.list');
    expect(requests).toHaveLength(2);
    expect(sent.map(({ id }) => id)).toEqual(requests.map(({ attributes }) => attributes['messaging.message.id']));
    expect(new Set(sent.map(({ headers }) => headers?.['traceparent']))).toEqual(new Set(requests.map(traceparentOf)));
  });

  it('sends the request unchanged when the tracer fails', () => {
    const { wire, sent, say } = fakeWire();
    const fail = (): never => {
      throw new Error('the tracer fails');
    };
    const replies = record(tracedRequest(wire, message, { scheduler, tracer: { startSpan: fail, startActiveSpan: fail } }));
    say('reply.error', 'r1', { code: 'ERR_NO_FOLDER', message: '' });
    expect(sent).toMatchObject([{ id: 'r1' }]);
    return expect(replies.ended).resolves.toBeInstanceOf(ReplyError);
  });
});
