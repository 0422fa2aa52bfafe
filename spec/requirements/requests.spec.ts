import {
  concat,
  finalize,
  firstValueFrom,
  interval,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  of,
  range,
  Subject,
  take,
  tap,
  timer,
  toArray,
  type Observable,
} from 'rxjs';
import { msgpack } from '../../lib/codec/msgpack.js';
import { reply } from '../../lib/operators/requests/reply.js';
import type { ReplyOptions } from '../../lib/operators/requests/requestTypes.js';
import { request } from '../../lib/operators/requests/request.js';
import type { Handler } from '../../lib/operators/requests/handlerRun.js';
import { ReplyError, RequestTimeoutError, SessionLostError, WireClosedError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Wire } from '../../lib/wire/wire.js';
import { proxiedPair, status, type ProxiedPairOptions } from '../support/proxiedPair.js';
import { record } from '../support/record.js';
import { protocols } from '../support/protocols.js';

const question = (payload: unknown = null) => createMessage<string, unknown>('test.ask', payload);
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe('request/reply with timeout and cancellation, and streaming replies', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  /** Both sides answer `test.ask` with the handler. */
  async function answering(handler: Handler, options: ProxiedPairOptions & { readonly reply?: ReplyOptions } = {}) {
    const serve = (wire: Wire): void => void wire.pipe(reply({ 'test.ask': handler }, options.reply)).subscribe(wire);
    const pair = await proxiedPair({ ...options, onServerWire: serve });
    serve(pair.wire);
    cleanups.push(pair.close);
    return pair;
  }

  describe.each(protocols)('by the %s protocol', (_protocol, protocol) => {
    const client = { protocol };

    it('answers in both directions', async () => {
      const { wire, serverWire } = await answering(({ payload }) => of([payload, 'yes']), { client });
      expect(await firstValueFrom(request(wire, question('up')))).toEqual(['up', 'yes']);
      expect(await firstValueFrom(request(serverWire, question('down')))).toEqual(['down', 'yes']);
    });

    it('continues after the connection is lost in the middle of an answer: no reply is lost or repeated', async () => {
      const { wire, proxy, cut } = await answering(() => interval(1).pipe(take(300)), { client });
      const { values, ended, take: until } = record(request(wire, question()));
      for (const count of [20, 90, 200]) {
        await until(count);
        proxy.freeze();
        // What is said now is swallowed, and has to be said again.
        await firstValueFrom(timer(10));
        await cut();
      }
      expect(await ended).toBe('complete');
      expect(values).toEqual(numbers(300));
    });

    it('cancels at the other side, also a request that was cancelled while the connection was lost', async () => {
      const stopped$ = new Subject<unknown>();
      const signals: AbortSignal[] = [];
      const { wire, proxy } = await answering(
        ({ payload }, { signal }) => {
          signals.push(signal);
          return concat(of('begun'), NEVER).pipe(finalize(() => stopped$.next(payload)));
        },
        { client },
      );
      for (const [payload, isOnline] of [
        ['online', true],
        ['offline', false],
      ] as const) {
        const asked = record(request(wire, question(payload)));
        await asked.take(1);
        const stopped = firstValueFrom(stopped$);
        if (!isOnline) {
          proxy.refuse();
          proxy.cut();
          await status(wire, 'reconnecting');
        }
        asked.subscription.unsubscribe();
        if (!isOnline) await proxy.accept();
        expect(await stopped).toBe(payload);
      }
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    });

    it('answers 1,000 at once, each with its own', async () => {
      const { wire } = await answering(({ payload }) => timer(1 + ((payload as number) % 7)).pipe(map(() => payload)), { client });
      const answers = await lastValueFrom(
        range(0, 1_000).pipe(
          mergeMap((number) => request(wire, question(number)).pipe(map((answer) => [number, answer]))),
          toArray(),
        ),
      );
      expect(answers).toHaveLength(1_000);
      expect(answers.filter(([number, answer]) => number !== answer)).toEqual([]);
    });

    it('gives up a server that never answers, and reports it', async () => {
      const stopped$ = new Subject<void>();
      const { wire } = await answering(() => NEVER.pipe(finalize(() => stopped$.next())), { client });
      const stopped = firstValueFrom(stopped$);
      await wire.send(createMessage('test.any', null));
      const message = question();
      expect(await record(request(wire, message, { timeout: 100 })).ended).toEqual(new RequestTimeoutError(message.id, 100, message.type));
      await stopped;
    });

    it('ignores a server that answers too late', async () => {
      const late$ = new Subject<string>();
      // A promise goes on: nobody has asked it to stop.
      const { wire } = await answering(({ payload }) => (payload === 'slow' ? firstValueFrom(late$) : of('quick')), { client });
      // First there is a connection: what waits for one for longer than its timeout is not sent.
      await firstValueFrom(request(wire, question()));
      const errors = record(wire.errors$);
      const slow = record(request(wire, question('slow'), { timeout: 100 }));
      expect(await slow.ended).toBeInstanceOf(RequestTimeoutError);
      late$.next('late');
      expect(await firstValueFrom(request(wire, question()))).toBe('quick');
      expect([slow.values, errors.values]).toEqual([[], []]);
    });

    it('reports progress', async () => {
      const { wire } = await answering(
        (_, { progress }) =>
          interval(2).pipe(
            take(20),
            tap((done) => progress(done)),
            map((done) => done / 20),
          ),
        { client, reply: { progressInterval: 10 } },
      );
      const told: unknown[] = [];
      const answer = await lastValueFrom(request(wire, question(), { onProgress: (progress) => told.push(progress) }));
      expect([answer, told[0]]).toEqual([0.95, 0]);
      expect(told.length).toBeGreaterThan(2);
      expect(told).toEqual([...told].sort((a, b) => (a as number) - (b as number)));
    });

    it('carries errors, typed', async () => {
      const { wire } = await answering(() => Promise.reject(new ReplyError('ERR_NO_SUCH_FILE', 'there is no /a')), { client });
      expect(await record(request(wire, question())).ended).toEqual(new ReplyError('ERR_NO_SUCH_FILE', 'there is no /a'));
    });

    it('reports a reply that cannot be sent to the caller', async () => {
      const { wire } = await answering(({ payload }) => of(payload === 'large' ? 'x'.repeat(2 ** 21) : () => 0), { client });
      for (const [payload, code] of [
        ['large', 'ERR_FRAME_TOO_LARGE'],
        ['a function', 'ERR_ENCODE'],
      ]) {
        expect(await record(request(wire, question(payload))).ended).toMatchObject({ code: 'ERR_REPLY', remoteCode: code });
      }
    });

    it('fails a request that cannot be sent', async () => {
      const { wire } = await answering(() => of(1), { client });
      expect(
        await record(
          request(
            wire,
            question(() => 0),
          ),
        ).ended,
      ).toMatchObject({ code: 'ERR_ENCODE' });
    });

    it('sends no request without a subscriber when it is online again', async () => {
      const asked: unknown[] = [];
      const { wire, proxy } = await answering(({ payload }) => of(asked.push(payload)), { client });
      proxy.refuse();
      proxy.cut();
      await status(wire, 'reconnecting');
      const gone = record(request(wire, question('gone'), { timeout: 20 }));
      const patient = firstValueFrom(request(wire, question('patient')));
      expect(await gone.ended).toBeInstanceOf(RequestTimeoutError);
      await proxy.accept();
      await patient;
      expect(asked).toEqual(['patient']);
    });

    it('fails a request that the server has forgotten; the next server answers one that was not received', async () => {
      const { wire, proxy, replace } = await answering(
        ({ payload }) => (payload === 'long' ? concat(of('begun'), NEVER) : of('answered')),
        { client: { ...client, delivery: 'at-least-once' } },
      );
      const long = record(request(wire, question('long')));
      await long.take(1);
      proxy.freeze();
      const unheard = firstValueFrom(request(wire, question('unheard')));
      await replace();
      proxy.cut();
      expect(await long.ended).toBeInstanceOf(SessionLostError);
      expect(await unheard).toBe('answered');
    });

    it.each(['complete', 'unsubscribe'] as const)('fails when its own wire ends by %s', async (end) => {
      const { wire } = await answering(() => NEVER, { client });
      const { ended } = record(request(wire, question()));
      await wire.send(question());
      wire[end]();
      expect(await ended).toBeInstanceOf(WireClosedError);
    });

    it('stops its handlers when the wire ends', async () => {
      const stopped$ = new Subject<void>();
      const { wire } = await answering(() => concat(of(1), NEVER).pipe(finalize(() => stopped$.next())), { client });
      await record(request(wire, question())).take(1);
      const stopped = firstValueFrom(stopped$);
      wire.complete();
      await stopped;
    });
  });

  it('fails on a server when its client has left', async () => {
    const { wire, serverWire } = await answering(() => NEVER);
    const { ended } = record(request(serverWire, question()));
    await serverWire.send(question());
    wire.complete();
    expect(await ended).toBeInstanceOf(WireClosedError);
  });

  it('is independent of the codec', async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const { wire } = await answering(({ payload }): Observable<unknown> => of(payload, payload), { client: { codec: msgpack() } });
    expect(await lastValueFrom(request(wire, question(bytes)).pipe(toArray()))).toEqual([bytes, bytes]);
  });
});
