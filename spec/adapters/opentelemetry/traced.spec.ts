import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { concat, defer, delay, from, isObservable, NEVER, of, throwError, type Observable } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { traced, type TracedOptions } from '../../../lib/adapters/opentelemetry/traced.js';
import { record } from '../../support/record.js';
import { tracing } from '../../support/tracing.js';

const spans = tracing();
const { find, mark, ancestry } = spans;

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const carried = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1', baggage: 'user=42' };
const message = (headers: Readonly<Record<string, unknown>> = carried): Message =>
  createMessage<string, unknown>('job.wanted', 'tea', { headers });
const boom = new TypeError('boom');

const handle = <R>(work: () => R, options?: TracedOptions): ((of: Message) => R) => traced<Message, [], R>(work, options);

describe('traced', () => {
  const work: Readonly<Record<string, () => unknown>> = {
    nothing: () => undefined,
    'a value': () => 'tea',
    'a list': () => ['tea'],
    'a promise': () => Promise.resolve('tea'),
    'an Observable': () => of('tea').pipe(delay(1)),
    'an iterator': () => new Set(['tea']).values(),
    'an asynchronous iterator': async function* () {
      yield await Promise.resolve('tea');
    },
  };
  it.each(Object.keys(work))('ends the span with the result of a handler that returns %s', async (name) => {
    const returned = handle(() => (mark('within'), work[name]!()))(message());
    if (isObservable(returned) || returned instanceof Promise) {
      const result = record(from(returned as Observable<unknown>));
      expect(await result.ended).toBe('complete');
      expect(result.values).toEqual(['tea']);
    } else expect(returned).toEqual(work[name]!());
    expect(find('process job.wanted')).toMatchObject({ status: { code: SpanStatusCode.UNSET } });
    expect(find('within').parentSpanContext?.spanId).toBe(find('process job.wanted').spanContext().spanId);
  });

  const failures: Readonly<Record<string, () => unknown>> = {
    throws: () => {
      throw boom;
    },
    'returns a promise that rejects': () => Promise.reject(boom),
    'returns an Observable that fails': () =>
      concat(
        of('tea'),
        throwError(() => boom),
      ),
  };
  it.each(Object.keys(failures))('passes on the error of a handler that %s, as the status of the span', async (name) => {
    const call = (): unknown => handle(() => failures[name]!())(message());
    if (name === 'throws') expect(call).toThrow(boom);
    else expect(await record(from(call() as Observable<unknown>)).ended).toBe(boom);
    expect(find('process job.wanted')).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'boom' },
      attributes: { 'error.type': 'TypeError' },
      events: [{ name: 'exception' }],
    });
  });

  it('ends the span of work that is unsubscribed, as cancelled', () => {
    const running = record(handle(() => NEVER)(message()));
    expect(spans.ended()).toEqual([]);
    running.subscription.unsubscribe();
    expect(find('process job.wanted')).toMatchObject({ attributes: { 'rxwire.cancelled': true }, status: { code: SpanStatusCode.UNSET } });
  });

  it('subscribes to the Observable of a handler within the span, also when that is later', () => {
    const lazy$ = handle(() =>
      defer(() => {
        mark('called');
        return of(undefined);
      }),
    )(message());
    const other = trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }));
    context.with(other, () => lazy$.subscribe());
    expect(ancestry('called')).toEqual(['called', 'process job.wanted', '?']);
  });

  it('continues the trace of the message, with its state and baggage, not the trace of the active span', () => {
    let baggage: string | undefined;
    const handler = handle(() => void (baggage = propagation.getActiveBaggage()?.getEntry('user')?.value));
    spans.within('of the connection', () => handler(message()));
    const span = find('process job.wanted');
    expect([span.spanContext().traceId, span.parentSpanContext?.spanId, span.spanContext().traceState?.serialize()]).toEqual([
      TRACE,
      SPAN,
      'vendor=1',
    ]);
    expect(span.parentSpanContext?.isRemote).toBe(true);
    expect(baggage).toBe('42');
  });

  it('starts a trace of its own for a message without a context, whatever span is active', () => {
    spans.within('of the connection', () => handle(() => undefined)(message({})));
    handle(() => undefined)(createMessage('job.bare', 1));
    expect(find('process job.wanted').parentSpanContext).toBeUndefined();
    expect(find('process job.bare').parentSpanContext).toBeUndefined();
    expect(spans.traceIds().size).toBe(3);
  });

  const invalid: readonly unknown[] = [
    ...['', 'x', `00-${TRACE}-${SPAN}`, `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `ff-${TRACE}-${SPAN}-01`],
    ...[`00-${TRACE.toUpperCase()}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-more`, 'x'.repeat(8_000)],
    ...[7, true, null, [carried.traceparent], { traceparent: carried.traceparent }],
  ];
  it.each(invalid)('ignores a traceparent that is not valid: %j', (traceparent) => {
    handle(() => undefined)(message({ ...carried, traceparent }));
    expect(find('process job.wanted').parentSpanContext).toBeUndefined();
  });

  it('reads own headers only, and ignores a tracestate and baggage that are not valid', () => {
    handle(() => undefined)(message(Object.create({ ...carried }) as Record<string, unknown>));
    expect(find('process job.wanted').parentSpanContext).toBeUndefined();
    let baggage: unknown;
    const handler = handle(() => void (baggage = propagation.getActiveBaggage()?.getAllEntries()));
    expect(() => handler({ ...message({ ...carried, tracestate: { a: 1 }, baggage: ['user=1'] }), type: 'job.other' })).not.toThrow();
    expect(find('process job.other').spanContext().traceState).toBeUndefined();
    expect(baggage).toBeUndefined();
  });

  it('starts a new trace at a public endpoint, with a link to the trace of the sender, without its baggage', () => {
    let baggage: unknown = 'unset';
    handle(() => void (baggage = propagation.getActiveBaggage()), { publicEndpoint: true })(message());
    const span = find('process job.wanted');
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.links).toMatchObject([{ context: { traceId: TRACE, spanId: SPAN } }]);
    expect(baggage).toBeUndefined();
  });

  describe('when the tracer fails', () => {
    const fail = (): never => {
      throw new Error('the tracer fails');
    };
    const real = (): Tracer => trace.getTracer('spec');
    const failing: Readonly<Record<string, () => Tracer>> = {
      'at the start': () => ({ startSpan: fail, startActiveSpan: fail }),
      'at everything later': () => ({
        startSpan(...args) {
          const span = real().startSpan(...args);
          return Object.assign(span, { setAttributes: fail, setAttribute: fail, recordException: fail, setStatus: fail, end: fail });
        },
        startActiveSpan: fail,
      }),
    };
    it.each(Object.keys(failing))('%s, the handler runs once, and its result and error stay', async (name) => {
      const options: TracedOptions = { tracer: failing[name]!() };
      let calls = 0;
      expect(handle(() => ++calls, options)(message())).toBe(1);
      expect(await handle(() => Promise.resolve(++calls), options)(message())).toBe(2);
      expect(record(handle(() => of(++calls), options)(message())).values).toEqual([3]);
      expect(() => handle(() => (++calls, failures['throws']!()), options)(message())).toThrow(boom);
      expect(await record(from(handle(() => Promise.reject(boom), options)(message()) as Promise<unknown>)).ended).toBe(boom);
      expect(calls).toBe(4);
    });
  });
});
