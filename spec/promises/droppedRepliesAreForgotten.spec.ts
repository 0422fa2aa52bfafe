import { filter, of, Subject } from 'rxjs';
import { reply } from '../../lib/operators/requests/reply.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { Wire } from '../../lib/wire/wire.js';
import { collectedHeap } from '../fuzz/heap.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

const ask = (id: string): Message => createMessage<string, unknown>('test.ask', id, { id });

describe('Replies that are dropped', () => {
  it('take no memory when an operator behind reply drops them: less than 50 bytes each', async () => {
    const answered = new Subject<number>();
    let count = 0;
    const { wire, close } = pair({
      onServerWire: (served) => {
        const replies$ = served.pipe(
          reply({ 'test.ask': ({ payload }) => of(payload) }),
          filter(() => ++count % 1_000 === 0 && (answered.next(count), false)),
        );
        replies$.subscribe(served);
      },
    });
    const rounds = record(answered);
    const run = async (total: number): Promise<void> => {
      while (count < total) {
        for (let index = 0; index < 1_000; index++) wire.next(ask(`${count}-${index}`));
        await rounds.take(count / 1_000 + 1);
      }
    };
    await run(5_000);
    const before = await collectedHeap();
    await run(20_000);
    expect(((await collectedHeap()) - before) / 15_000).toBeLessThan(50);
    close();
  }, 60_000);

  it('end neither the wire nor the other replies when the queue of the wire drops its oldest messages: each reply that is new costs one', async () => {
    const waiting: ((answer: string) => void)[] = [];
    let served: Wire | undefined;
    const { wire, down, up, serverWire, close } = pair({
      server: { maxQueued: 1_000, overflow: 'drop-oldest' },
      onServerWire: (one) => {
        served = one;
        one
          .pipe(reply({ 'test.ask': () => new Promise<string>((resolve) => waiting.push(resolve)) }, { concurrency: 5_000, wire: one }))
          .subscribe(one);
      },
    });
    await serverWire();
    const requests = Array.from({ length: 3_000 }, (_, index) => ask(`q${index}`));
    // The server handles these without a room for all of their replies, as its client is away.
    for (const request of requests) wire.next(request);
    while (waiting.length < 3_000) await new Promise((resolve) => setImmediate(resolve));
    down();
    const errors = record((served as Wire).errors$);
    for (const answer of waiting) answer('done');
    await errors.take(1);
    const replies = record(wire);
    up();
    expect((await replies.take(1_000)).map(({ type, correlationId }) => `${type} ${correlationId}`)).toEqual(
      requests.slice(2_000).map(({ id }) => `reply.last ${id}`),
    );
    expect(new Set(errors.values.map(({ code }) => code))).toEqual(new Set(['ERR_DROPPED']));
    expect(errors.values).toHaveLength(2_000);
    close();
  });
});
