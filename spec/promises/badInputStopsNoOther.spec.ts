import { EMPTY, filter, firstValueFrom, from, map, of, Subject, throwError, type Observable } from 'rxjs';
import type { Codec } from '../../lib/codec/codec.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ReplyError, StoreError } from '../../lib/message/errors.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import type { Message } from '../../lib/message/types.js';
import { channel, type Channel } from '../../lib/operators/channels/channel.js';
import { requestAll } from '../../lib/operators/channels/requestAll.js';
import { batchByKey } from '../../lib/operators/batchByKey.js';
import { replayDeadLetters } from '../../lib/operators/deadLetters/replayDeadLetters.js';
import { queue } from '../../lib/operators/queue/queue.js';
import type { Queue } from '../../lib/operators/queue/queueOptions.js';
import type { QueueLog } from '../../lib/operators/queue/queueStore.js';
import { reply } from '../../lib/operators/requests/reply.js';
import { request } from '../../lib/operators/requests/request.js';
import { fromBatchMessage, toBatchMessage } from '../../lib/operators/sending/batchMessage.js';
import { hub } from '../../lib/server/hub/hub.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { DeadLetter } from '../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { connect } from '../../lib/wire/connect.js';
import { createDeadLetter } from '../../lib/wire/createDeadLetter.js';
import type { Wire } from '../../lib/wire/wire.js';
import { nested } from '../codec/messages.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

/** Payloads that the codec of the wire cannot carry, or not in a frame. */
const bad: Readonly<Record<string, readonly [codec: Codec, payload: unknown, code: string]>> = {
  'is too large': [json(), 'x'.repeat(1024 * 1024), 'ERR_FRAME_TOO_LARGE'],
  'is a BigInt': [json(), 1n, 'ERR_ENCODE'],
  'is bytes': [json(), new Uint8Array(1), 'ERR_ENCODE'],
  'is a Map': [json(), new Map(), 'ERR_ENCODE'],
  'is NaN': [json(), NaN, 'ERR_ENCODE'],
  'has a toJSON': [json(), Object.assign(Object.create({ toJSON: () => 1 }) as object, { a: 1 }), 'ERR_ENCODE'],
  'is too deep': [json(), nested(33), 'ERR_ENCODE'],
  'is half a character': [msgpack(), '\ud800', 'ERR_ENCODE'],
};
const cases = Object.entries(bad).map(([title, one]) => [title, ...one] as const);

describe('a bad input stops no other', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function served(codec: Codec, onWire: (wire: Wire) => void, options: ListenOptions = {}) {
    const errors: string[] = [];
    const note = (wire: Wire): void => void wire.errors$.subscribe(({ code }) => errors.push(code));
    const server = await wireServer(
      (wire) => {
        note(wire);
        onWire(wire);
      },
      { codecs: [json(), msgpack()], ...options },
    );
    const wire = connect({ link: webSocket(server.url), codec, reconnect: { initialInterval: 2 } });
    note(wire);
    cleanups.push(
      () => server.close(),
      () => wire.unsubscribe(),
    );
    return { wire, errors };
  }
  const outcomeOf = (sent: Promise<unknown>): Promise<unknown> =>
    sent.then(
      (receipt) => (receipt as { readonly outcome?: string }).outcome,
      (error: unknown) => (error as { readonly code?: string }).code,
    );

  describe.each(cases)('an answer that %s', (_, codec, payload, code) => {
    const handlers: Readonly<Record<string, () => Observable<unknown>>> = {
      'the only reply': () => of(payload),
      'a reply among others': () => of(1, payload, 3),
      'the last reply of many': () => of(1, 2, payload),
      'an error': () => throwError(() => new ReplyError('ERR_MINE', payload as string)),
    };

    it.each(Object.keys(handlers))('is an error with its reason: %s', async (how) => {
      const { wire } = await served(codec, (there) => {
        there.pipe(reply({ 'test.ask': handlers[how]!, 'test.other': () => of('other') })).subscribe(there);
      });
      const ask = (type: string) => record(request(wire, createMessage<string, unknown>(type, null), { timeout: 3_000 }));
      const [asked, other] = [ask('test.ask'), ask('test.other')];
      expect(await asked.ended).toMatchObject({ code: 'ERR_REPLY', remoteCode: code });
      await other.ended;
      expect(other.values).toEqual(['other']);
    });
  });

  it.each(cases)('an answer of a member that %s is an error of this member', async (_, codec, payload, code) => {
    const rooms = hub();
    const server = await wireServer((wire) => void rooms.serve(wire), { codecs: [json(), msgpack()] });
    cleanups.push(() => server.close());
    const join = (): Channel => {
      const wire = connect({ link: webSocket(server.url), codec });
      cleanups.push(() => wire.unsubscribe());
      return channel(wire, 'room');
    };
    const answers: readonly unknown[] = ['good', payload];
    for (const answer of answers) {
      const member = join();
      member.pipe(reply({ 'test.ask': () => of(answer) })).subscribe(member);
      await firstValueFrom(member.state$.pipe(filter(({ status }) => status === 'joined')));
    }
    const { values, ended } = record(requestAll(join(), createMessage<string, unknown>('test.ask', null), { timeout: 3_000 }));
    expect(await ended).toBe('complete');
    expect(values.find(({ error }) => !error)).toMatchObject({ value: 'good' });
    expect(values.find(({ error }) => error)).toMatchObject({ error: { code: 'ERR_REPLY', remoteCode: code } });
  });

  it.each(cases)('a message of a batch that %s fails alone', async (_, codec, payload, code) => {
    const got: string[] = [];
    const { wire, errors } = await served(codec, (there) => there.pipe(fromBatchMessage()).subscribe(({ id }) => got.push(id)));
    from(['a', 'bad', 'b', 'c'])
      .pipe(
        map((id) => createMessage<string, unknown>('test.any', id === 'bad' ? payload : id, { id })),
        batchByKey(),
        toBatchMessage(),
      )
      .subscribe((batch) => wire.next(batch));
    await eventually(() => expect([got, errors]).toEqual([['a', 'b', 'c'], [code]]));
  });

  it.each(cases)('a dead letter that %s stays when it is replayed to a wire, and the others arrive', async (_, codec, payload, code) => {
    const letters = memoryDeadLetters();
    for (const id of ['a', 'bad', 'b'])
      letters.add(createDeadLetter(createMessage<string, unknown>('test.any', id === 'bad' ? payload : id, { id }), new Error('no')));
    const got: string[] = [];
    const { wire } = await served(codec, (there) => there.subscribe(({ id }) => got.push(id)));
    const { values, ended } = record(replayDeadLetters(letters, wire));
    expect(await ended).toBe('complete');
    expect(values).toMatchObject([{ status: 'done' }, { status: 'failed', error: { code } }, { status: 'done' }]);
    expect([got, record(letters.list()).values.map(({ message }) => message.id)]).toEqual([['a', 'b'], ['bad']]);
  });

  describe('a queue of several clients', () => {
    const message = (id: string): Message => createMessage('test.any', id, { id });

    it('goes on when its dead letters cannot be stored for a while', async () => {
      const letters = memoryDeadLetters();
      let failures = 2;
      const add = (letter: DeadLetter): MaybeAsync<void> => {
        if (failures-- > 0) throw new StoreError('lmdb', 'failed');
        return letters.add(letter);
      };
      const jobs = queue('jobs');
      const done: string[] = [];
      const failed = record(jobs.errors$);
      const work = ({ id }: Message): Observable<never> => (id === 'bad' ? throwError(() => new Error('no')) : (done.push(id), EMPTY));
      const processing = record(jobs.process(work, { retry: false }));
      cleanups.push(() => processing.subscription.unsubscribe());
      const { wire } = await served(json(), (there) => there.subscribe(jobs), { deadLetters: { ...letters, add } });
      const sent = await Promise.all(['a', 'bad', 'b'].map((id) => wire.send(message(id))));
      expect(sent.map(({ outcome }) => outcome)).toEqual(['processed', 'dead-lettered', 'processed']);
      expect([done, failed.values.length, processing.isOver()]).toEqual([['a', 'b'], 2, false]);
      jobs.close();
    });

    it.each<[string, (jobs: Queue<Message>) => void]>([
      ['is closed', (jobs) => jobs.close()],
      ['has failed', () => undefined],
    ])('refuses the messages that it drops, and those behind it are acked, when it %s', async (how, end) => {
      const open$ = new Subject<never>();
      const log: QueueLog = { open: () => (how === 'has failed' ? open$ : []), write: () => undefined, close: () => undefined };
      const jobs = queue('jobs', { store: { queue: () => log } });
      jobs.process(() => undefined).subscribe({ error: () => undefined });
      const { wire } = await served(json(), (there) => {
        there.subscribe((one) => {
          if (one.id !== 'other') jobs.next(one);
        });
      });
      const early = how === 'has failed' ? outcomeOf(wire.send(message('early'))) : undefined;
      if (early) await wire.send(createMessage('system.ping', { timestamp: 0 }, { delivery: 'at-most-once' }));
      end(jobs);
      open$.error(new StoreError('fake', 'failed'));
      const [late, other] = [wire.send(message('late')), wire.send(message('other'))].map(outcomeOf);
      expect([await late, await other]).toEqual(['ERR_REFUSED', 'processed']);
      if (early) expect(await early).toBe('ERR_REFUSED');
    });
  });
});
