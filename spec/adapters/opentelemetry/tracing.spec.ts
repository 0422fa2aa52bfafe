import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { setTimeout as pause } from 'node:timers/promises';
import { delay, filter, firstValueFrom, of, Subject, toArray } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { replayDeadLetters } from '../../../lib/operators/deadLetters/replayDeadLetters.js';
import { hub } from '../../../lib/server/hub/hub.js';
import { queue } from '../../../lib/operators/queue/queue.js';
import { reply } from '../../../lib/operators/requests/reply.js';
import { route } from '../../../lib/operators/routing/route.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { traced, tracedRequest, traceWire } from '../../../lib/adapters/opentelemetry/index.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { eventually } from '../../support/eventually.js';
import { proxiedPair, status, type ProxiedPairOptions } from '../../support/proxiedPair.js';
import { record } from '../../support/record.js';
import { traceparentOf, tracing } from '../../support/tracing.js';

const spans = tracing();
const { within, mark, find, ancestry } = spans;

let closing: (() => Promise<void>) | undefined;
afterEach(async () => {
  await closing?.();
  closing = undefined;
});

/** A client and a server over real sockets, whose wires are traced. */
async function tracedPair(onServerWire: (wire: Wire) => void, options: Omit<ProxiedPairOptions, 'onServerWire'> = {}) {
  const pair = await proxiedPair({
    ...options,
    onServerWire(wire) {
      traceWire(wire);
      onServerWire(wire);
    },
  });
  traceWire(pair.wire);
  closing = pair.close;
  return pair;
}

/** A handler that does its work later, as a span of its own. */
const effect = traced(async () => {
  await pause(1);
  mark('effect');
});

describe('one trace', () => {
  it('leads from a click without a connection to its effect after the reconnect', async () => {
    const { wire, proxy } = await tracedPair((server) => void server.pipe(consume(effect)).subscribe());
    proxy.refuse();
    proxy.cut();
    await status(wire, 'reconnecting');
    const placed = createMessage('order.placed', 'tea');
    within('click', () => wire.next(placed));
    await proxy.accept();
    await eventually(() => find('send order.placed'));

    expect(ancestry('effect')).toEqual(['effect', 'process order.placed', 'send order.placed', 'click']);
    expect(spans.traceIds().size).toBe(1);
    const common = { 'messaging.system': 'rxwire', 'messaging.destination.name': 'order.placed', 'messaging.message.id': placed.id };
    const sent = find('send order.placed');
    expect(sent).toMatchObject({ kind: SpanKind.PRODUCER, links: [], status: { code: SpanStatusCode.UNSET } });
    expect(sent.attributes).toEqual({
      ...common,
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.client.id': wire.id,
      'rxwire.outcome': 'processed',
      'rxwire.attempts': 1,
    });
    const processed = find('process order.placed');
    expect(processed).toMatchObject({ kind: SpanKind.CONSUMER, links: [], status: { code: SpanStatusCode.UNSET } });
    expect(processed.attributes).toEqual({
      ...common,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'rxwire.attempt': 1,
    });
    expect(processed.parentSpanContext?.isRemote).toBe(true);
  });

  it('has an event for each time that the message was sent', async () => {
    const { wire, proxy } = await tracedPair((server) => void server.pipe(consume(effect)).subscribe());
    proxy.freeze();
    within('click', () => wire.next(createMessage('order.placed', 'tea')));
    await eventually(() => expect(wire.queued).toBe(0));
    expect(spans.names()).toEqual(['click']);
    proxy.cut();
    await eventually(() => find('send order.placed'));

    expect(ancestry('effect')).toEqual(['effect', 'process order.placed', 'send order.placed', 'click']);
    const { events, attributes } = find('send order.placed');
    expect(events.map(({ name, attributes: of }) => [name, of?.['rxwire.attempt']])).toEqual([
      ['sent', 1],
      ['sent', 2],
    ]);
    expect(attributes['rxwire.attempts']).toBe(2);
  });

  it('leads to the server of a request, and its replies belong to the click', async () => {
    const list = traced(async () => {
      await pause(1);
      mark('read folder');
      return ['a', 'b'];
    });
    const { wire } = await tracedPair((server) => void server.pipe(reply({ 'files.list': list })).subscribe(server));
    const replies = record(wire.pipe(filter(({ type }) => type.startsWith('reply'))));
    const message = createMessage('files.list', '/');
    const names$ = within('click', () => firstValueFrom(tracedRequest(wire, message).pipe(toArray()), { defaultValue: [] }));
    expect(await names$).toEqual([['a', 'b']]);

    expect(ancestry('read folder')).toEqual(['read folder', 'reply files.list', 'request files.list', 'click']);
    const [asked, answered] = [find('request files.list'), find('reply files.list')];
    expect([asked.kind, answered.kind]).toEqual([SpanKind.CLIENT, SpanKind.SERVER]);
    expect(asked.attributes).toMatchObject({
      'messaging.message.id': message.id,
      'messaging.message.conversation_id': message.id,
      'rxwire.replies': 1,
    });
    expect(answered.attributes).toMatchObject({ 'messaging.message.conversation_id': message.id });
    expect(replies.values.map(({ headers }) => headers)).toEqual([{ traceparent: traceparentOf(answered) }]);
    // Neither the request nor its reply is a message of its own.
    expect(spans.names().filter((name) => name.startsWith('send'))).toEqual([]);
  });

  it('leads through a request with many replies, each of which is received in the context of the caller', async () => {
    const count = traced(() => of(1, 2, 3).pipe(delay(1)));
    const { wire } = await tracedPair((server) => void server.pipe(reply({ 'test.count': count })).subscribe(server));
    const replies = record(wire.pipe(filter(({ type }) => type.startsWith('reply'))));
    const done = new Promise<void>((resolve) =>
      within('click', () =>
        tracedRequest(wire, createMessage('test.count', 3)).subscribe({
          next: (value) => mark(`draw ${String(value)}`),
          complete: resolve,
        }),
      ),
    );
    await done;

    for (const value of [1, 2, 3]) expect(ancestry(`draw ${value}`)).toEqual([`draw ${value}`, 'click']);
    expect(find('request test.count').attributes['rxwire.replies']).toBe(3);
    const traceparent = traceparentOf(find('reply test.count'));
    expect(replies.values.map(({ type, headers }) => [type, headers])).toEqual([
      ['reply', { traceparent }],
      ['reply', { traceparent }],
      ['reply', { traceparent }],
      ['reply.complete', { traceparent }],
    ]);
  });

  it('has the replies of a handler in the trace of its request, whatever has emitted them', async () => {
    const news$ = new Subject<string>();
    const { wire } = await tracedPair((server) => void server.pipe(reply({ 'test.news': traced(() => news$) })).subscribe(server));
    const replies = record(wire.pipe(filter(({ type }) => type.startsWith('reply'))));
    const values = record(tracedRequest(wire, createMessage('test.news', null)));
    await eventually(() => expect(news$.observed).toBe(true));
    within('other', () => news$.next('a'));
    within('other', () => news$.complete());
    expect(await values.ended).toBe('complete');

    const traceparent = traceparentOf(find('reply test.news'));
    expect(replies.values.map(({ headers }) => headers)).toEqual([{ traceparent }, { traceparent }]);
  });

  it('leads through a queue, whose processor is busy with another trace', async () => {
    const jobs = queue('jobs');
    const { wire } = await tracedPair((server) => void server.subscribe(jobs));
    const order: unknown[] = [];
    const work = traced(async ({ payload }) => {
      order.push(payload);
      await pause(5);
      mark(`effect of ${String(payload)}`);
    });
    for (const name of ['a', 'b', 'c']) within(`click ${name}`, () => wire.next(createMessage(`job.${name}`, name)));
    await eventually(() => expect(wire.state.metrics.messagesSent).toBe(3));
    const processing = jobs.process(work).subscribe();
    await eventually(() => expect(spans.names()).toEqual(expect.arrayContaining(['send job.a', 'send job.b', 'send job.c'])));
    processing.unsubscribe();
    jobs.close();

    expect(order).toEqual(['a', 'b', 'c']);
    for (const name of order)
      expect(ancestry(`effect of ${String(name)}`)).toEqual([
        `effect of ${String(name)}`,
        `process job.${String(name)}`,
        `send job.${String(name)}`,
        `click ${String(name)}`,
      ]);
    expect(spans.traceIds().size).toBe(3);
  });

  it('leads through a dead letter and its replay, which is linked to the span that has sent the message', async () => {
    const boom = new RangeError('no tea');
    const { wire, serverWire } = await tracedPair(
      (server) =>
        void server
          .pipe(
            consume(
              traced(() => Promise.reject(boom)),
              { retry: { initialInterval: 1, maxRetries: 1 } },
            ),
          )
          .subscribe(),
    );
    within('click', () => wire.next(createMessage('order.placed', 'tea')));
    await eventually(() => find('send order.placed'));

    const sent = find('send order.placed');
    expect(sent).toMatchObject({ attributes: { 'rxwire.outcome': 'dead-lettered' }, status: { code: SpanStatusCode.UNSET } });
    const failed = spans.ended().filter(({ name }) => name === 'process order.placed');
    expect(failed.map(({ attributes }) => attributes['rxwire.attempt'])).toEqual([1, 2]);
    for (const { status: result, attributes, events, parentSpanContext } of failed) {
      expect(result).toEqual({ code: SpanStatusCode.ERROR, message: 'no tea' });
      expect(attributes['error.type']).toBe('RangeError');
      expect(events).toMatchObject([{ name: 'exception', attributes: { 'exception.message': 'no tea' } }]);
      expect(parentSpanContext?.spanId).toBe(sent.spanContext().spanId);
    }
    const letters = record(serverWire.deadLetters.list());
    expect(letters.values).toMatchObject([{ message: { headers: { traceparent: traceparentOf(sent) } } }]);

    const replays = record(within('operator', () => replayDeadLetters(serverWire.deadLetters, effect)));
    expect(await replays.ended).toBe('complete');
    expect(replays.values).toMatchObject([{ status: 'done' }]);
    const replayed = spans.ended().find(({ attributes }) => attributes['rxwire.replay'] === true)!;
    expect(replayed.spanContext().traceId).toBe(sent.spanContext().traceId);
    expect(replayed.parentSpanContext?.spanId).toBe(sent.spanContext().spanId);
    expect(replayed.links).toMatchObject([{ context: { spanId: sent.spanContext().spanId } }]);
    expect(find('effect').parentSpanContext?.spanId).toBe(replayed.spanContext().spanId);
  });

  it('leads from the publisher of a channel to its members', async () => {
    const rooms = hub();
    const { wire } = await tracedPair((server) => rooms.serve(server));
    const room = channel(wire, 'room.1');
    const processed = record(room.pipe(route({ 'chat.said': effect })));
    await firstValueFrom(room.state$.pipe(filter((state) => state.status === 'joined')));
    within('click', () => room.next(createMessage('chat.said', { text: 'hello' })));
    await processed.take(1);
    await eventually(() => find('publish chat.said'));

    expect(ancestry('effect')).toEqual(['effect', 'process chat.said', 'publish chat.said', 'click']);
    expect(find('publish chat.said')).toMatchObject({ kind: SpanKind.PRODUCER, attributes: { 'messaging.destination.name': 'room.1' } });
    // The messages of the protocol of channels are no spans.
    expect(spans.names()).toEqual(expect.not.arrayContaining([expect.stringContaining('channel.')]));
    processed.subscription.unsubscribe();
  });

  it('does not mix the contexts of handlers that run at the same time', async () => {
    const work = traced(async ({ payload }) => {
      for (let step = 0; step < 3; step++) {
        await pause(Number(payload) % 3);
        mark(`step ${step} of ${String(payload)}`);
      }
    });
    const { wire } = await tracedPair((server) => void server.pipe(consume(work, { concurrency: 4 })).subscribe());
    for (let index = 0; index < 20; index++) within(`click ${index}`, () => wire.next(createMessage(`job.${index}`, index)));
    await eventually(() => expect(spans.names().filter((name) => name.startsWith('send'))).toHaveLength(20));

    for (let index = 0; index < 20; index++)
      for (let step = 0; step < 3; step++)
        expect(ancestry(`step ${step} of ${index}`)).toEqual([
          `step ${step} of ${index}`,
          `process job.${index}`,
          `send job.${index}`,
          `click ${index}`,
        ]);
    expect(spans.traceIds().size).toBe(20);
  });
});
