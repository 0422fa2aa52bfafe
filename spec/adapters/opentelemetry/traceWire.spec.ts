import { propagation, ROOT_CONTEXT, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { MAX_FIELDS } from '../../../lib/message/messageLimits.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { traceWire, type TraceWireOptions } from '../../../lib/adapters/opentelemetry/traceWire.js';
import { withTraceContext } from '../../../lib/adapters/opentelemetry/messageSpan.js';
import { use } from '../../../lib/operators/routing/use.js';
import { of } from 'rxjs';
import { consume } from '../../../lib/operators/consume/consume.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';
import { traceparentOf, tracing } from '../../support/tracing.js';

const spans = tracing();
const { within, find } = spans;

let closing: (() => void) | undefined;
afterEach(() => closing?.());

/** A client whose wire is traced, and what a server receives. */
function traceable(options: TraceWireOptions = {}, { onServerWire, ...others }: PairOptions = {}) {
  const received: Message[] = [];
  const made = pair({
    ...others,
    onServerWire: onServerWire ?? ((server) => void server.subscribe((message) => received.push(message))),
  });
  closing = made.close;
  return { ...made, received, tracing: traceWire(made.wire, options) };
}

const order = (headers?: Readonly<Record<string, unknown>>): Message =>
  createMessage<string, unknown>('order.placed', 'tea', headers ? { headers } : {});

describe('traceWire', () => {
  it('adds the context to the headers of a copy, and keeps the headers of the application', async () => {
    const { wire, received } = traceable();
    const message = order({ tenant: 'a' });
    within('click', () => wire.next(message));
    await eventually(() => expect(received).toHaveLength(1));
    expect(received[0]?.headers).toEqual({ tenant: 'a', traceparent: traceparentOf(find('send order.placed')) });
    expect(message.headers).toEqual({ tenant: 'a' });
  });

  it('also traces messages of `send`, with the same receipt', async () => {
    const { wire } = traceable();
    const message = order();
    expect(await within('click', () => wire.send(message))).toMatchObject({ id: message.id, status: 'acked' });
    expect(spans.ancestry('send order.placed')).toEqual(['send order.placed', 'click']);
  });

  it('carries the baggage of the application', async () => {
    const { wire, received } = traceable();
    const baggage = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ user: { value: '42' } }));
    const { context } = await import('@opentelemetry/api');
    context.with(baggage, () => wire.next(order()));
    await eventually(() => expect(received).toHaveLength(1));
    expect(received[0]?.headers).toMatchObject({ baggage: 'user=42' });
  });

  it('is in error when the message is given up, with the code of the error', async () => {
    const { wire } = traceable();
    wire.next(createMessage<string, unknown>('order.placed', () => 'no codec carries this'));
    await eventually(() => find('send order.placed'));
    expect(find('send order.placed')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'ERR_ENCODE', 'rxwire.outcome': 'dead', 'rxwire.attempts': 0 },
    });
  });

  it('ends at-most-once when the message was sent', async () => {
    const { wire } = traceable({}, { client: { delivery: 'at-most-once' } });
    wire.next(order());
    await eventually(() => expect(find('send order.placed').attributes).toMatchObject({ 'rxwire.outcome': 'sent', 'rxwire.attempts': 1 }));
  });

  it('ends with the wire, when the message is dropped', async () => {
    const { wire, down } = traceable();
    down();
    wire.next(order());
    wire.unsubscribe();
    await eventually(() => expect(find('send order.placed').attributes).toMatchObject({ 'error.type': 'ERR_DROPPED' }));
    wire.next(order());
    wire.next(order());
    expect(
      spans
        .ended()
        .slice(1)
        .map(({ attributes }) => attributes['rxwire.outcome']),
    ).toEqual(['unknown', 'unknown']);
  });

  it('keeps a message that carries a context in its trace, and links the active span', async () => {
    const { wire, received } = traceable();
    const other = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1', baggage: 'user=42' };
    within('click', () => wire.next(order(other)));
    await eventually(() => find('send order.placed'));
    const sent = find('send order.placed');
    expect([sent.spanContext().traceId, sent.parentSpanContext?.spanId]).toEqual(['a'.repeat(32), 'b'.repeat(16)]);
    expect(sent.links.map(({ context }) => context)).toEqual([find('click').spanContext()]);
    expect(received[0]?.headers).toEqual({ ...other, traceparent: traceparentOf(sent) });
  });

  it('is below the active span when the message carries a context of the same trace', async () => {
    const { wire } = traceable();
    within('click', () => {
      const carrying = withTraceContext(order());
      within('handler', () => wire.next(carrying));
    });
    await eventually(() => expect(spans.ancestry('send order.placed')).toEqual(['send order.placed', 'handler', 'click']));
    expect(find('send order.placed').links).toEqual([]);
  });

  it.each([
    [MAX_FIELDS - 1, true],
    [MAX_FIELDS, false],
  ])('sends a message of %i headers, within the limits of a message: it carries a context, %s', async (count, carries) => {
    const { wire, received } = traceable();
    const headers = Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, index]));
    within('click', () => wire.next(order(headers)));
    await eventually(() => expect(received).toHaveLength(1));
    await eventually(() => find('send order.placed'));
    expect(received[0]?.headers).toEqual({ ...headers, ...(carries && { traceparent: traceparentOf(find('send order.placed')) }) });
  });

  it('leaves baggage out that is too large beside the headers of the application', async () => {
    const { wire, received } = traceable();
    const headers = { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), baggage: `user=${'y'.repeat(300)}` };
    const carrying = order({ ...headers, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
    wire.next(carrying);
    await eventually(() => expect(received).toHaveLength(1));
    expect(Object.keys(received[0]?.headers ?? {})).toEqual(['a', 'b', 'traceparent']);
  });

  it('subscribes to receipts while a span is open, and not otherwise', async () => {
    const { wire, received, down, up } = traceable();
    await eventually(() => expect(wire.state.status).toBe('connected'));
    let watched = 0;
    const receipts$ = wire.receipts$;
    Object.defineProperty(wire, 'receipts$', { get: () => (watched++, receipts$) });
    down();
    wire.next(order());
    wire.next(order());
    expect(watched).toBe(1);
    up();
    await eventually(() => expect(spans.ended()).toHaveLength(2));
    wire.next(order());
    expect(watched).toBe(2);
    await eventually(() => expect(spans.ended()).toHaveLength(3));
    expect(received).toHaveLength(3);
  });

  it('does not wait for receipts with `receipts: false`', () => {
    const { wire, down } = traceable({ receipts: false });
    down();
    Object.defineProperty(wire, 'receipts$', { get: () => fail('the receipts are subscribed to') });
    wire.next(order());
    expect(find('send order.placed').attributes).not.toHaveProperty('rxwire.outcome');
  });

  it('bounds the spans that wait: the span of one more message ends at once', async () => {
    const { wire, down, up } = traceable({ maxOpen: 2 });
    down();
    for (let index = 0; index < 3; index++) wire.next(order());
    expect(spans.ended()).toHaveLength(1);
    up();
    await eventually(() => expect(spans.ended()).toHaveLength(3));
    expect(() => traceWire(wire, { maxOpen: 0 })).toThrow(new RangeError('traceWire: "maxOpen" must be > 0, got 0'));
  });

  it('traces only messages that `filter` selects', async () => {
    const { wire, received } = traceable({ filter: ({ type }) => type !== 'order.placed' });
    wire.next(order());
    wire.next(createMessage('order.paid', 1));
    await eventually(() => expect(spans.names()).toEqual(['send order.paid']));
    expect(received.map(({ headers }) => headers)).toEqual([undefined, { traceparent: traceparentOf(find('send order.paid')) }]);
  });

  it('stops when it is unsubscribed, and restores the wire', async () => {
    const { wire, received, tracing: subscription, down, up } = traceable();
    down();
    wire.next(order());
    subscription.unsubscribe();
    expect(find('send order.placed').attributes).toMatchObject({ 'rxwire.outcome': 'unknown' });
    expect(Object.hasOwn(wire, 'next')).toBe(false);
    wire.next(order());
    up();
    await eventually(() => expect(received).toHaveLength(2));
    expect(received[1]?.headers).toBeUndefined();
  });

  it('reports a value that is no message as the wire does', () => {
    const { wire } = traceable();
    const errors = record(wire.errors$);
    wire.next(undefined as unknown as Message);
    wire.next(7 as unknown as Message);
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_INVALID_MESSAGE', 'ERR_INVALID_MESSAGE']);
    expect(spans.ended()).toEqual([]);
  });

  it('sends messages as they are when the tracer, the filter or the receipt of a span fails', async () => {
    const fail = (): never => {
      throw new Error('the tracer fails');
    };
    const broken: Tracer = { startSpan: fail, startActiveSpan: fail };
    const late: Tracer = {
      startSpan: (...args) => Object.assign(trace.getTracer('spec').startSpan(...args), { addEvent: fail, setAttributes: fail, end: fail }),
      startActiveSpan: fail,
    };
    for (const options of [{ tracer: broken }, { tracer: late }, { filter: fail }]) {
      const { wire, received, close } = traceable(options);
      const errors = record(wire.errors$);
      await wire.send(order());
      expect([received.length, errors.values]).toEqual([1, []]);
      close();
    }
  });

  it('does not follow the receipts of a span that is not recorded', async () => {
    const { wire } = traceable({
      tracer: {
        startSpan: () => trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 }),
        startActiveSpan: () => undefined as never,
      },
    });
    Object.defineProperty(wire, 'receipts$', { get: () => fail('the receipts are subscribed to') });
    await expect(wire.send(order())).resolves.toMatchObject({ status: 'acked' });
  });

  it('records the outcome of a message that became a dead letter', async () => {
    const onServerWire: PairOptions['onServerWire'] = (server) =>
      void server.pipe(consume(() => Promise.reject(new Error('no tea')), { retry: false })).subscribe();
    const { wire } = traceable({}, { onServerWire });
    wire.next(order());
    await eventually(() => expect(find('send order.placed').attributes).toMatchObject({ 'rxwire.outcome': 'dead-lettered' }));
  });
});

describe('withTraceContext', () => {
  it('adds the active context, and is a middleware', () => {
    const messages = within('click', () => record(of(order()).pipe(use(withTraceContext))).values);
    expect(messages[0]?.headers).toEqual({ traceparent: traceparentOf(find('click')) });
  });

  it('returns the message itself without an active span', () => {
    const message = order();
    expect(withTraceContext(message)).toBe(message);
  });
});

function fail(reason: string): never {
  throw new Error(reason);
}
