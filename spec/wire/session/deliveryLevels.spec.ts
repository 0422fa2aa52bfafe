import { filter, firstValueFrom, map, NEVER, of, Subject, take, timer, VirtualTimeScheduler, type Observable } from 'rxjs';
import {
  AckTimeoutError,
  EncodeError,
  InDoubtError,
  MessageDroppedError,
  OverflowError,
  WireClosedError,
} from '../../../lib/message/errors.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { ReceiptStatus } from '../../../lib/message/receipt.js';
import type { Delivery, Message } from '../../../lib/message/types.js';
import { ackWithin } from '../../../lib/operators/ackWithin.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import type { OutboxStore } from '../../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { fakeStorage } from '../../stores/fakeStorage.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';

const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', id, { ...options, id });
const ids = (messages: readonly { readonly id: string }[]): readonly string[] => messages.map(({ id }) => id);
const pause = (ms = 0): Promise<unknown> => firstValueFrom(timer(ms));

/** What becomes of the message with this id. */
const statusesOf = (wire: Wire, id: string): Observable<ReceiptStatus> =>
  wire.receipts$.pipe(
    filter((receipt) => receipt.id === id),
    map(({ status }) => status),
  );

describe('over a session', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function connected(options: PairOptions = {}) {
    const both = pair(options);
    cleanups.push(both.close);
    return both;
  }
  /** A client and a server that notes what it gets, across restarts. */
  function noting(options: Omit<PairOptions, 'onServerWire'> = {}) {
    const got$ = new Subject<Message>();
    const got = record(got$);
    return { ...connected({ ...options, onServerWire: (wire) => void wire.subscribe((one) => got$.next(one)) }), got };
  }
  /** A client and a server that processes nothing until it is told to. */
  function stalled(options: Omit<PairOptions, 'onServerWire'> = {}) {
    const got$ = new Subject<string>();
    const got = record(got$);
    const go$ = new Subject<void>();
    const handle = ({ id }: Message): Observable<void> => {
      got$.next(id);
      return go$.pipe(take(1));
    };
    const onServerWire = (wire: Wire): void => void wire.pipe(consume(handle, { concurrency: 100 })).subscribe();
    return { ...connected({ ...options, onServerWire }), got, go: (): void => go$.next() };
  }

  describe('a message', () => {
    it.each<[Delivery, readonly ReceiptStatus[]]>([
      ['at-most-once', ['queued', 'sent']],
      ['at-least-once', ['queued', 'sent', 'acked']],
      ['exactly-once', ['queued', 'sent', 'acked']],
    ])('reports its outcome: %s', async (delivery, expected) => {
      const { wire, serverWire, got } = noting({ client: { delivery } });
      const server = await serverWire();
      wire.subscribe();
      const here = record(statusesOf(wire, 'a'));
      const there = record(statusesOf(server, 'x'));
      await Promise.all([wire.send(message('a')), server.send(message('x'))]);
      await got.take(1);
      expect([here.values, there.values]).toEqual([expected, expected]);
    });

    it.each<[Delivery, Delivery, ReceiptStatus]>([
      ['at-least-once', 'at-most-once', 'sent'],
      ['at-most-once', 'at-least-once', 'acked'],
      ['at-most-once', 'exactly-once', 'acked'],
      ['exactly-once', 'at-most-once', 'sent'],
    ])('on a wire that is %s may be %s, and its receipt is that of its own level', async (delivery, own, status) => {
      const { wire, got } = noting({ client: { delivery } });
      expect(await wire.send(message('a', { delivery: own }))).toMatchObject({ id: 'a', status });
      await got.take(1);
    });

    it('does not send its level to the other side', async () => {
      const { wire, got } = noting();
      wire.next(message('a', { delivery: 'exactly-once' }));
      expect((await got.take(1))[0]).not.toHaveProperty('delivery');
    });

    it('keeps its order among others of another level that is numbered', async () => {
      const { wire, got } = noting();
      for (let index = 0; index < 20; index++)
        wire.next(message(String(index), { delivery: index % 3 === 0 ? 'exactly-once' : 'at-least-once' }));
      expect(ids(await got.take(20))).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
    });

    it('is given up when it may have had its effect, or sent again, as its own level says', async () => {
      const dead: unknown[] = [];
      const { wire, got, go, restart } = stalled({ client: { onDead: ({ id }, error) => dead.push([id, error]) } });
      const receipts = record(statusesOf(wire, 'once'));
      const once = wire.send(message('once', { delivery: 'exactly-once' }));
      const least = wire.send(message('least'));
      await got.take(2);
      restart(); // without a memory: nobody knows what it has done
      await expect(once).rejects.toEqual(new InDoubtError('once'));
      await got.take(3);
      go();
      expect((await least).status).toBe('acked');
      expect(got.values).toEqual(['once', 'least', 'least']);
      expect(dead).toEqual([['once', new InDoubtError('once')]]);
      expect(receipts.values).toEqual(['queued', 'sent', 'dead']);
    });

    it('is lost with its connection when it is at-most-once, and no other', async () => {
      const { wire, silence, cut, got, serverWire } = noting();
      await serverWire();
      await wire.send(message('a'));
      silence(true);
      wire.next(message('lost', { delivery: 'at-most-once' }));
      wire.next(message('kept'));
      await firstValueFrom(statusesOf(wire, 'kept').pipe(filter((status) => status === 'sent')));
      silence(false);
      cut();
      await got.take(2);
      await wire.send(message('b'));
      expect(ids(got.values)).toEqual(['a', 'kept', 'b']);
    });
  });

  describe('send', () => {
    const boom = { self: undefined as unknown };
    boom.self = boom;

    it.each<[string, Message, Omit<PairOptions, 'onServerWire'>, Error]>([
      ['its time has passed', message('a', { ttl: 1, timestamp: 0 }), {}, new MessageDroppedError('a', 'expired')],
      ['there is no room', message('a'), { client: { maxQueued: 1, overflow: 'error' } }, new OverflowError('the outbox', 1)],
      ['it cannot be encoded', createMessage('test.any', boom, { id: 'a' }), {}, expect.any(EncodeError) as Error],
    ])('rejects with the reason when %s', async (_, one, options, reason) => {
      const dead: string[] = [];
      const { wire } = noting({ ...options, client: { ...options.client, onDead: ({ id }) => dead.push(id) } });
      if (options.client) wire.next(message('first'));
      await expect(wire.send(one)).rejects.toEqual(reason);
      expect(dead).toEqual(['a']);
    });

    it('rejects when the wire ends before, and when it has ended', async () => {
      const { wire } = stalled();
      const sent = wire.send(message('a'));
      wire.unsubscribe();
      await expect(sent).rejects.toEqual(new MessageDroppedError('a', 'closed'));
      await expect(wire.send(message('b'))).rejects.toEqual(new WireClosedError('b'));
    });

    it('rejects when the wire ends and the outbox keeps the message: the next wire sends it', async () => {
      const storage = fakeStorage();
      const outbox = (): OutboxStore => webStorageOutbox('out', { storage, locks: false });
      const { wire, connect, got, down, up } = noting({ client: { outbox: outbox() } });
      down();
      const sent = wire.send(message('a'));
      await pause(5);
      wire.unsubscribe();
      await expect(sent).rejects.toEqual(new WireClosedError('a'));
      up();
      const next = connect({ outbox: outbox() });
      cleanups.push(() => next.unsubscribe());
      expect(ids(await got.take(1))).toEqual(['a']);
    });

    it('gives one receipt to all callers that send the same message before its ack, and sends it once', async () => {
      const { wire, got, go } = stalled();
      const sent = [wire.send(message('a')), wire.send(message('a'))];
      await got.take(1);
      sent.push(wire.send(message('a')));
      await pause(5);
      go();
      const [receipt] = await Promise.all(sent);
      expect(await Promise.all(sent)).toEqual([receipt, receipt, receipt]);
      expect(got.values).toEqual(['a']);
    });

    it('does not end the process when it fails without a handler', async () => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      cleanups.push(() => process.off('unhandledRejection', note));
      const { wire } = stalled();
      void wire.send(message('a'));
      void wire.send(message('b', { ttl: 1, timestamp: 0 }));
      await pause(5);
      wire.unsubscribe();
      void wire.send(message('c'));
      await pause(5);
      expect(unhandled).toEqual([]);
    });
  });

  describe('ackWithin', () => {
    /** Client, server and ackWithin on one virtual clock; each message takes the server `work` ms. */
    function timed(work: number) {
      const scheduler = new VirtualTimeScheduler();
      const handled: [id: string, at: number][] = [];
      let now = 0;
      const handle = ({ id }: Message): Observable<unknown> => {
        handled.push([id, scheduler.frame]);
        return work === Infinity ? NEVER : timer(work, scheduler);
      };
      const times = { scheduler, microtask: scheduler };
      const both = connected({ server: times, onServerWire: (wire) => void wire.pipe(consume(handle, { scheduler })).subscribe() });
      const advance = (ms: number): void => {
        scheduler.maxFrames = now += ms;
        scheduler.flush();
        scheduler.frame = now;
      };
      advance(0);
      return { ...both, scheduler, handled, advance, sent: (): number => both.wire.state.metrics.messagesSent };
    }

    it('sends nothing twice while a message is on its way, and nothing after its ack', () => {
      const { wire, scheduler, handled, advance, sent } = timed(100);
      const statuses = record(statusesOf(wire, 'a'));
      const receipts = record(of(message('a')).pipe(ackWithin(wire, 10, { retries: 5, scheduler })));
      advance(99);
      expect([sent(), receipts.values]).toEqual([4, []]); // it was given to the wire at 0, 10, 30 and 70 ms
      advance(1);
      expect(receipts.values).toMatchObject([{ id: 'a', status: 'acked', attempts: 4, latency: 100 }]);
      advance(10_000);
      expect([sent(), handled]).toEqual([4, [['a', 0]]]);
      expect(statuses.values).toEqual(['queued', 'sent', 'acked']);
    });

    it('receives the acks from the time of the lost connection', () => {
      const { wire, scheduler, handled, advance, down, up } = timed(50);
      const receipts = record(of(message('a')).pipe(ackWithin(wire, 10, { retries: 5, scheduler })));
      advance(20);
      down();
      advance(40);
      expect(receipts.values).toEqual([]);
      up();
      advance(20);
      expect(receipts.values).toMatchObject([{ id: 'a', status: 'acked' }]);
      expect(handled).toEqual([['a', 0]]);
    });

    it('fails when no attempt is left; the message may still arrive, once', () => {
      const { wire, scheduler, handled, advance, down, up } = timed(1);
      down();
      const errors: unknown[] = [];
      of(message('a'))
        .pipe(ackWithin(wire, 10, { retries: 1, scheduler }))
        .subscribe({ error: (error) => errors.push(error) });
      advance(29);
      expect(errors).toEqual([]);
      advance(1);
      expect(errors).toEqual([new AckTimeoutError('a', 2, 10)]);
      up();
      advance(100);
      expect(handled).toMatchObject([['a', expect.any(Number)]]);
    });

    it('passes on why the wire has given a message up', async () => {
      const { wire } = stalled();
      const dead: unknown[] = [];
      const onDead = ({ id }: Message, error: Error): void => void dead.push([id, error]);
      const expired = message('a', { ttl: 1, timestamp: 0 });
      await record(of(expired).pipe(ackWithin(wire, 1_000, { onDead }))).ended;
      expect(dead).toEqual([['a', new MessageDroppedError('a', 'expired')]]);
    });
  });
});
