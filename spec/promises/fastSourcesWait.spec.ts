import { Readable } from 'node:stream';
import { firstValueFrom, from, lastValueFrom, map, range, Subject, take, toArray } from 'rxjs';
import { sendAll, sendThrough } from '../../lib/operators/sending/sendAll.js';
import type { MessageSource } from '../../lib/operators/sending/sendOptions.js';
import { OverflowError, UndeliveredError, type RxwireError } from '../../lib/message/errors.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/freePort.js';
import { protocols } from '../support/protocols.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

const message = (index: number): Message => createMessage('test.any', index, { id: `m${index}` });

/** Counts the messages that are taken from a source of `count`. */
function counted(count: number) {
  let taken = 0;
  let isReleased = false;
  function* messages(): Generator<Message, void> {
    try {
      while (taken < count) yield message(taken++);
    } finally {
      isReleased = true;
    }
  }
  return { messages, taken: () => taken, isReleased: () => isReleased };
}

const kinds: readonly (readonly [string, (messages: Generator<Message, void>) => MessageSource])[] = [
  ['an iterable', (messages) => messages],
  [
    'an async iterable',
    async function* (messages) {
      for (const one of messages) yield await Promise.resolve(one);
    },
  ],
  ['a Node Readable', (messages) => Readable.from(messages, { objectMode: true, highWaterMark: 1 })],
  [
    'a Web ReadableStream',
    (messages) =>
      new ReadableStream<Message>({
        pull(controller) {
          const { done, value } = messages.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => void messages.return(),
      }),
  ],
];

/** A wire to a server whose handler processes messages when the test says so; what it has processed, in order. */
async function slowServer(options: Partial<ConnectOptions> = {}) {
  const processed: unknown[] = [];
  const gate$ = new Subject<void>();
  const server = await wireServer((wire) =>
    wire
      .pipe(
        consume(async ({ payload }) => {
          if (!isOpen) await firstValueFrom(gate$);
          processed.push(payload);
        }),
      )
      .subscribe(),
  );
  let isOpen = false;
  const wire = connect({ link: webSocket(server.url), ...options });
  return {
    ...{ wire, processed },
    open(): void {
      isOpen = true;
      gate$.next();
    },
    close: async (): Promise<void> => {
      wire.unsubscribe();
      await server.close();
    },
  };
}

/** Time in which more could happen than should. */
const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe('A fast source waits for a slow receiver', () => {
  it.each(kinds)('delivers all of 8,000 messages of %s, in order, and drops none', async (_, sourceOf) => {
    const { wire, processed, open, close } = await slowServer();
    const { messages, taken } = counted(8_000);
    const receipts = record(sendAll(wire, sourceOf(messages())));
    await eventually(() => expect(taken()).toBeGreaterThanOrEqual(1_000));
    await moment();
    // A stream or a generator may have read a few messages more than are sent.
    expect(taken()).toBeLessThanOrEqual(1_010);
    open();
    expect(await receipts.ended).toBe('complete');
    expect(processed).toEqual(numbers(8_000));
    expect(receipts.values.map(({ id, status }) => `${id} ${status}`)).toEqual(numbers(8_000).map((index) => `m${index} acked`));
    await close();
  });

  it.each(kinds)('releases %s when the subscriber leaves', async (_, sourceOf) => {
    const { wire, open, close } = await slowServer();
    const { messages, isReleased } = counted(30_000);
    const source = sourceOf(messages());
    open();
    await lastValueFrom(sendAll(wire, source, { ahead: 10 }).pipe(take(20)));
    await eventually(() => expect(isReleased()).toBe(true));
    if (source instanceof ReadableStream) await eventually(() => expect(source.locked).toBe(false));
    if (source instanceof Readable) expect(source.destroyed).toBe(true);
    await close();
  });

  it('sends as an operator, and emits the receipts in order', async () => {
    const { wire, processed, open, close } = await slowServer();
    open();
    const receipts = await lastValueFrom(range(0, 500).pipe(map(message), sendThrough(wire, { ahead: 100 }), toArray()));
    expect(receipts.map(({ id }) => id)).toEqual(numbers(500).map((index) => `m${index}`));
    expect(processed).toEqual(numbers(500));
    await close();
  });

  it('slows the source to the speed of a for await loop', async () => {
    const { wire, open, close } = await slowServer();
    open();
    const { messages, taken, isReleased } = counted(1_000);
    let received = 0;
    for await (const { status } of sendAll(wire, messages(), { ahead: 10 })) {
      expect(status).toBe('acked');
      received++;
      if (received % 20 === 0) await moment();
      expect(taken() - received).toBeLessThanOrEqual(10);
      if (received === 60) break;
    }
    expect(isReleased()).toBe(true);
    await close();
  });

  it('fails the stream of an Observable that cannot wait, instead of dropping its messages', async () => {
    const { wire, close } = await slowServer();
    const receipts = record(range(0, 30_000).pipe(map(message), sendThrough(wire)));
    expect(await receipts.ended).toEqual(new OverflowError('messages that wait to be sent', 10_000));
    await close();
  });

  it('waits at at-most-once until the transport has taken the messages', async () => {
    const wire = connect({ link: webSocket(`ws://127.0.0.1:${await freePort()}/wire`), delivery: 'at-most-once' });
    const { messages, taken } = counted(30_000);
    const sending = record(sendAll(wire, messages()));
    await moment();
    expect(taken()).toBe(1_000);
    sending.subscription.unsubscribe();
    wire.unsubscribe();

    const { wire: other, open, close } = await slowServer({ delivery: 'at-most-once' });
    open();
    const receipts = await lastValueFrom(sendAll(other, counted(3_000).messages()).pipe(toArray()));
    expect(receipts.map(({ id, status }) => `${id} ${status}`)).toEqual(numbers(3_000).map((index) => `m${index} sent`));
    await close();
  });

  it('fails with the error of the wire when the wire ends', async () => {
    const wire = connect({ link: webSocket(`ws://127.0.0.1:${await freePort()}/wire`), drainTimeout: 100 });
    const receipts = record(sendAll(wire, counted(3).messages()));
    wire.complete();
    expect(await receipts.ended).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 3 });
  });
});

describe.each(protocols)('A stream that overruns the queue of its wire (%s)', (name, protocol) => {
  /** Sends 30 messages through a queue of 10, and returns how the wire ends. */
  async function overrun(options: Partial<ConnectOptions>, send: (wire: Wire) => void): Promise<unknown> {
    const arrived = new Subject<Message>();
    const server = await wireServer((wire) => wire.subscribe((one) => arrived.next(one)));
    const wire = connect({ link: webSocket(server.url), protocol, maxQueued: 10, ...options });
    const ended = record(wire).ended;
    send(wire);
    const how = await ended;
    await server.close();
    return how;
  }
  const subscribe = (wire: Wire): void => void range(0, 30).pipe(map(message)).subscribe(wire);

  it('ends the wire with an UndeliveredError that names the messages that were dropped', async () => {
    const ids = numbers(20).map((index) => `m${index}`);
    expect(await overrun({}, subscribe)).toEqual(new UndeliveredError({ count: 20, ids, kept: 0 }));
  });

  it('completes the wire when send() has rejected for each message that was dropped', async () => {
    const rejected: unknown[] = [];
    const send = (wire: Wire): void => {
      for (const index of numbers(30)) wire.send(message(index)).catch((error: unknown) => rejected.push((error as RxwireError).code));
      wire.complete();
    };
    expect(await overrun({}, send)).toBe('complete');
    expect(rejected).toEqual(Array.from({ length: 20 }, () => 'ERR_DROPPED'));
  });

  it('includes the dropped messages in the count after the drain timeout', async () => {
    const wire = connect({ link: webSocket(`ws://127.0.0.1:${await freePort()}/wire`), protocol, maxQueued: 10, drainTimeout: 50 });
    const here = record(wire);
    from(numbers(30).map(message)).subscribe(wire);
    expect(await here.ended).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 30, timeout: 50 });
  });

  // The envelope protocol has no option for it.
  if (name === 'session')
    it('completes the wire when the application has chosen a policy that drops messages', async () => {
      expect(await overrun({ overflow: 'drop-lowest' }, subscribe)).toBe('complete');
    });
});
