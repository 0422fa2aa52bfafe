import { concat, defer, filter, firstValueFrom, lastValueFrom, map, of, Subject, take, timer, type Observable } from 'rxjs';
import type { ConnectionLostError } from '../../../lib/message/errors.js';
import type { MaybeAsync } from '../../../lib/message/maybeAsync.js';
import { CloseCode } from '../../../lib/message/closeCode.js';
import type { Frame, Link } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve, type ServeOptions } from '../../../lib/server/serve.js';
import { claim } from '../../../lib/wire/session/messageClaim.js';
import { controlFrame, readFrame, type SessionFrame } from '../../support/protocol/frames.js';
import { parseHello, parseWelcome, type Hello, type Welcome } from '../../support/protocol/handshake.js';
import type { InboxRecord } from '../../../lib/stores/inbox.js';
import type { OutboxStore, OutboxWrite } from '../../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { fakeInbox, type FakeInbox } from '../../support/fakeInbox.js';
import { ready } from '../../support/outboxCases.js';
import { record } from '../../support/record.js';
import { network, type ClientOptions } from '../../support/sessionPair.js';
import { fakeStorage, type FakeStorage } from '../../stores/fakeStorage.js';
import { leaseOf } from '../../support/inboxes.js';

const message = (id: string, length = 0): Message => createMessage('test.any', 'x'.repeat(length), { id });
const secret = (letter: string, length = 43): string => letter.repeat(length);

/** An outbox that outlives the wire: each process makes its own over the same storage. */
const outboxIn = (storage: FakeStorage, name = 'chat'): OutboxStore => webStorageOutbox(name, { storage, locks: false });

/** Waits for this error among those of a wire. */
const failure = (wire: Wire, code: string): Promise<unknown> => firstValueFrom(wire.errors$.pipe(filter((error) => error.code === code)));

/** Gives the messages one after the other, so that each has a frame of its own. */
async function sendEach(wire: Wire, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const sent = firstValueFrom(wire.receipts$.pipe(filter((receipt) => receipt.id === id && receipt.status === 'sent')));
    wire.next(message(id));
    await sent;
  }
}

describe('restarting', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  describe('the client', () => {
    /** A client whose server is the test. */
    function play(storage: FakeStorage, options: Partial<ClientOptions> = {}) {
      const [near, far] = memoryLink<Frame>();
      const toClient$ = new Subject<Frame>();
      const raw = record(far(toClient$));
      const wire = connect({ link: near, outbox: outboxIn(storage), delivery: 'exactly-once', ...options });
      cleanups.push(() => wire.unsubscribe());
      return {
        wire,
        raw,
        errors: record(wire.errors$),
        hello: async (): Promise<Hello> => helloIn((await raw.take(1))[0]!),
        welcome: (fields: Partial<Welcome> = {}) => toClient$.next(controlFrame('welcome', { ...WELCOME, ...fields })),
        ack: (done: number) => toClient$.next(controlFrame('ack', done, 1_024)),
        /** The batches and skips, once there are that many. */
        sent: async (count: number): Promise<readonly SessionFrame[]> => {
          const isSent = (frame: Frame): boolean => ['msg', 'skip'].includes(readFrame(frame).kind);
          while (raw.values.filter(isSent).length < count) await raw.take(raw.values.length + 1);
          return raw.values.filter(isSent).map(readFrame);
        },
      };
    }
    const WELCOME: Welcome = {
      ...{ n: 1, sid: secret('s'), rt: secret('r'), rx: 0, known: false, resumed: false },
      ...{ window: 1_024, bytes: 100_000, ping: 15_000, codec: 'json', id: 'server' },
    };
    const helloIn = (frame: Frame): Hello => parseHello((readFrame(frame) as { readonly value: unknown }).value);
    const numbers = (frames: readonly SessionFrame[]): readonly unknown[] =>
      frames.map((frame) => (frame.kind === 'msg' ? frame.first : frame.kind === 'skip' && ['skip', ...frame.numbers]));

    /** A client has sent seven messages, of which four are acked, and is gone. */
    async function sentAndGone(storage: FakeStorage) {
      const before = play(storage);
      const hello = await before.hello();
      before.welcome();
      await sendEach(before.wire, ['a', 'b', 'c']);
      const acked = before.wire.send(message('d'));
      await before.sent(4);
      before.ack(4);
      await acked;
      await sendEach(before.wire, ['e', 'f', 'g']);
      const frames = await before.sent(7);
      before.wire.unsubscribe();
      return { hello, frames };
    }

    it('returns as the same sender to the same session, as a newer owner', async () => {
      const storage = fakeStorage();
      const { hello } = await sentAndGone(storage);
      const again = await play(storage).hello();
      expect(hello).toMatchObject({ epoch: 1, n: 1 });
      expect(hello).not.toHaveProperty('sid');
      expect(again).toMatchObject({ pid: hello.pid, epoch: 2, n: 1, sid: WELCOME.sid, rt: WELCOME.rt });
      // It has forgotten what it got.
      expect(again).not.toHaveProperty('rx');
    });

    it('sends exactly the unaccepted messages again, byte for byte', async () => {
      const storage = fakeStorage();
      const { frames } = await sentAndGone(storage);
      const after = play(storage);
      await after.hello();
      after.welcome({ known: true, rx: 5 });
      await sendEach(after.wire, ['h']);
      const again = await after.sent(3);
      expect(numbers(again)).toEqual([6, 7, 8]);
      // The first one carries the ack of this connection.
      expect(again.slice(0, 2)).toEqual([{ ...frames[5], ack: expect.objectContaining({ done: 0 }) as unknown }, frames[6]]);
      expect(after.errors.values).toEqual([]);
    });

    it('sends what an earlier process has left, although it is completed at once', async () => {
      const storage = fakeStorage();
      await sentAndGone(storage);
      const after = play(storage);
      after.wire.complete();
      await after.hello();
      after.welcome({ known: true, rx: 5 });
      expect(numbers(await after.sent(2))).toEqual([6, 7]);
      after.ack(7);
      expect((await lastValueFrom(after.wire.state$)).status).toBe('disconnected');
      expect([...storage.items.keys()]).toEqual(['rxwire:head:chat']);
    });

    it('completes at once when an earlier process has left nothing', async () => {
      const { wire } = play(fakeStorage());
      wire.complete();
      expect((await lastValueFrom(wire.state$)).status).toBe('disconnected');
    });

    it('reports the outcome of messages that an earlier process has left', async () => {
      const storage = fakeStorage();
      await sentAndGone(storage);
      const after = play(storage);
      const receipts = record(after.wire.receipts$);
      await after.hello();
      after.welcome({ known: true, rx: 5 });
      await after.sent(2);
      after.ack(7);
      await receipts.take(8);
      expect(receipts.values.filter(({ status }) => status === 'acked').map(({ id }) => id)).toEqual(['e', 'f', 'g']);
      expect([...storage.items.keys()]).toEqual(['rxwire:head:chat']);
    });

    it('gives up messages that may have been sent when the server has forgotten it, and sends the others', async () => {
      const storage = fakeStorage();
      await sentAndGone(storage);
      const after = play(storage);
      await after.hello();
      after.wire.next(message('h'));
      after.welcome();
      expect(numbers(await after.sent(1))).toEqual([1]);
      expect(after.errors.values).toMatchObject(['e', 'f', 'g'].map((id) => ({ code: 'ERR_IN_DOUBT', id })));
    });

    it('skips the numbers of unreadable records', async () => {
      const storage = fakeStorage();
      await sentAndGone(storage);
      storage.items.set('rxwire:batch:chat:0.6', '{');
      const after = play(storage);
      await after.hello();
      after.welcome({ known: true, rx: 4 });
      expect(numbers(await after.sent(3))).toEqual([5, ['skip', 6], 7]);
      expect(after.errors.values).toMatchObject([{ code: 'ERR_STORE', fault: 'corrupt' }]);
    });

    it('gives no number twice when its store is behind its time', async () => {
      const storage = fakeStorage();
      const before = play(storage);
      await before.hello();
      before.welcome();
      await sendEach(before.wire, ['a', 'b']);
      const early = new Map(storage.items);
      await sendEach(before.wire, ['c', 'd']);
      before.wire.unsubscribe();
      // As when a browser crashes, which writes a Storage to the disk when it likes.
      storage.items.clear();
      early.forEach((value, key) => storage.items.set(key, value));

      const after = play(storage);
      await after.hello();
      await firstValueFrom(timer(0));
      for (const id of ['e', 'f', 'g']) after.wire.next(message(id));
      await firstValueFrom(timer(0));
      after.welcome({ known: true, rx: 4 });
      after.ack(4);
      expect(await after.sent(1)).toMatchObject([{ first: 5, count: 3 }]);
      // What it knows of may be what the server has got, or not.
      expect(after.errors.values).toMatchObject(['a', 'b'].map((id) => ({ code: 'ERR_IN_DOUBT', id })));
    });

    it('gives up a message that the store has no room for, and gives its number to the next', async () => {
      const storage = fakeStorage(3_000);
      const { wire, sent, hello, welcome, errors } = play(storage);
      await hello();
      welcome();
      await sendEach(wire, ['a']);
      wire.next(message('large', 5_000));
      await failure(wire, 'ERR_STORE');
      await sendEach(wire, ['b']);
      expect(numbers(await sent(2))).toEqual([1, 2]);
      expect(errors.values).toMatchObject([{ code: 'ERR_STORE', fault: 'quota' }]);
    });

    it('gives up none but that one, also when all were sent in one go', async () => {
      const storage = fakeStorage(5_000);
      const dead: string[] = [];
      const { wire, sent, hello, welcome, raw } = play(storage, { onDead: ({ id }) => dead.push(id) });
      await hello();
      welcome();
      for (const id of ['a', 'b', 'c', 'large', 'd', 'e', 'f']) wire.next(message(id, id === 'large' ? 9_000 : 0));
      await sendEach(wire, ['g']);
      await sent(2);
      expect(dead).toEqual(['large']);
      const ids = raw.values.flatMap((frame) => [...String(frame).matchAll(/"id":"(\w)"/g)].map(([, id]) => id));
      expect(ids).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    });

    it('stores again all that is not acked when the store has lost it', async () => {
      const storage = fakeStorage();
      await sentAndGone(storage);
      const after = play(storage);
      await after.hello();
      storage.items.clear();
      after.welcome({ known: true, rx: 4 });
      await sendEach(after.wire, ['h']);
      await after.sent(4);
      expect(after.errors.values).toMatchObject([{ code: 'ERR_STORE', fault: 'evicted' }]);
      after.wire.unsubscribe();
      const { batches, acked, ticket } = await ready(outboxIn(storage).open());
      expect({ acked, ticket, firsts: batches.map(({ first }) => first) }).toMatchObject({ acked: 4, firsts: [5, 6, 7, 8] });
    });

    it('does not report messages as dead that are being written at its end', async () => {
      const storage = fakeStorage();
      const written$ = new Subject<void>();
      const slow: OutboxStore = { ...outboxIn(storage) };
      const write = (change: OutboxWrite): MaybeAsync<void> =>
        change.batches.length === 0
          ? slow.write(change)
          : concat(
              defer(() => (slow.write(change) as Observable<never> | undefined) ?? []),
              written$.pipe(take(1)),
            );
      const { wire, hello } = play(storage, { outbox: { ...slow, write } });
      const receipts = record(wire.receipts$);
      await hello();
      wire.next(message('a'));
      await firstValueFrom(timer(0));
      wire.next(message('b'));
      await firstValueFrom(timer(0));
      wire.error(new Error('enough'));
      expect(receipts.values.filter(({ status }) => status === 'dead').map(({ id }) => id)).toEqual(['b']);
    });
  });

  describe('the server', () => {
    /** A network whose server has its effects in an inbox, and a client. */
    function start(client: ClientOptions, options: ServeOptions & { readonly inbox?: FakeInbox } = {}) {
      const net = network();
      const got: string[] = [];
      const wires$ = new Subject<Wire>();
      const run = () =>
        net.serve(options, (wire) => {
          wires$.next(wire);
          wire.subscribe((one) => {
            const claimed = claim(one)!;
            got.push(one.id);
            claimed.end(options.inbox ? { effect: (write) => (write as (value: unknown) => void)(one.id) } : {});
          });
        });
      const firstWire = firstValueFrom(wires$);
      let running = run();
      const wire = net.connect({ delivery: 'exactly-once', ...client });
      cleanups.push(() => {
        wire.unsubscribe();
        running.unsubscribe();
      });
      return {
        ...net,
        ...{ wire, got, firstWire, errors: record(wire.errors$), received: record(wire) },
        restart: (): Promise<Wire> => {
          running.unsubscribe();
          const next = firstValueFrom(wires$);
          running = run();
          net.silence(false);
          return next;
        },
      };
    }

    it('continues from its inbox: nothing is lost, repeated or in doubt', async () => {
      const inbox = fakeInbox();
      const { wire, restart, silence, errors } = start({}, { inbox });
      await wire.send(message('a'));
      silence(true);
      const later = ['b', 'c'].map((id) => wire.send(message(id)));
      await sendEach(wire, ['d']);
      await restart();
      await Promise.all([...later, wire.send(message('e'))]);
      expect(inbox.written).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(new Set(errors.values.map(({ code }) => code))).toEqual(new Set(['ERR_CONNECTION_LOST', 'ERR_SESSION_LOST']));
    });

    it('leaves exactly-once messages in doubt that were sent before it lost its state', async () => {
      const { wire, restart, silence, got } = start({});
      await wire.send(message('a'));
      silence(true);
      await sendEach(wire, ['b']);
      const doubtful = failure(wire, 'ERR_IN_DOUBT');
      await restart();
      expect(await doubtful).toMatchObject({ id: 'b' });
      await wire.send(message('c'));
      expect(got).toEqual(['a', 'c']);
    });

    it('gets it again at at-least-once, when it knows nothing any more', async () => {
      const { wire, restart, silence, got } = start({ delivery: 'at-least-once' });
      await wire.send(message('a'));
      silence(true);
      const later = wire.send(message('b'));
      await firstValueFrom(timer(0));
      await restart();
      await later;
      await wire.send(message('c'));
      expect(got).toEqual(['a', 'b', 'c']);
    });

    it('receives messages that were not sent before, with or without its state', async () => {
      const { wire, restart, down, up, got, errors } = start({ outbox: outboxIn(fakeStorage()) });
      await wire.send(message('a'));
      down();
      const later = wire.send(message('b'));
      await firstValueFrom(timer(0));
      up();
      await restart();
      await later;
      expect(got).toEqual(['a', 'b']);
      expect(errors.values.map(({ code }) => code)).not.toContain('ERR_IN_DOUBT');
    });

    it('says so to its clients when messages of its own may be lost', async () => {
      const { wire, restart, errors } = start({}, { inbox: fakeInbox() });
      await wire.send(message('a'));
      const lost = failure(wire, 'ERR_SESSION_LOST');
      await restart();
      await lost;
      expect(errors.values.filter(({ code }) => code === 'ERR_SESSION_LOST')).toHaveLength(1);
    });

    it('sends its own messages again where it has an outbox, and loses none', async () => {
      const storage = fakeStorage();
      const { wire, restart, silence, firstWire, errors, received } = start(
        {},
        { inbox: fakeInbox(), outbox: (pid) => outboxIn(storage, pid) },
      );
      await wire.send(message('a'));
      const served = await firstWire;
      served.next(message('x'));
      await received.take(1);
      silence(true);
      await sendEach(served, ['y', 'z']);
      const again = await restart();
      again.next(message('last'));
      await received.take(4);
      expect(received.values.map(({ id }) => id)).toEqual(['x', 'y', 'z', 'last']);
      expect(errors.values.map(({ code }) => code)).not.toContain('ERR_SESSION_LOST');
    });
  });

  describe('a hello', () => {
    const HELLO: Hello = {
      ...{ v: 1, pid: secret('p', 22), epoch: 2, n: 2, window: 10, bytes: 10_000 },
      ...{ codecs: ['json'], id: 'client', delivery: 'exactly-once' },
    };
    /** A server to which the test says hello. */
    function server(options: ServeOptions = {}) {
      const links$ = new Subject<Link<Frame>>();
      const running = serve(links$, options).subscribe((wire) => wire.subscribe());
      cleanups.push(() => running.unsubscribe());
      /** Opens a connection with this hello. */
      const greet = (fields: Partial<Hello> = {}) => {
        const [near, far] = memoryLink<Frame>();
        links$.next(far);
        const frames$ = new Subject<Frame>();
        const answers = record(near(concat(of(controlFrame('hello', { ...HELLO, ...fields })), frames$)));
        cleanups.push(() => answers.subscription.unsubscribe());
        return {
          answers,
          welcome: async (): Promise<Welcome> =>
            parseWelcome((readFrame((await answers.take(1))[0]!) as { readonly value: unknown }).value),
          code: async (): Promise<unknown> => ((await answers.ended) as ConnectionLostError).closeCode,
          /** Uses what the welcome says. */
          use: async (): Promise<void> => {
            frames$.next(controlFrame('ack', 0, 10));
            // Answered by an ack: then it was read.
            frames$.next(controlFrame('ping', 0));
            await answers.take(2);
          },
        };
      };
      return { greet };
    }

    it.each<[string, Partial<Hello>]>([
      ['of an older owner', { epoch: 1, n: 3 }],
      ['that was overtaken by a later one', { n: 1 }],
      ['that comes twice', {}],
    ])('%s is refused', async (_, fields) => {
      const { greet } = server();
      const { sid, rt } = await greet().welcome();
      expect(await greet({ ...fields, sid, rt }).code()).toBe(CloseCode.SUPERSEDED);
    });

    it.each<[string, Partial<Hello>]>([
      ['without the token', {}],
      ['with a wrong token', { sid: secret('s', 22), rt: secret('x') }],
      ['with a wrong token, of a newer owner', { epoch: 3, n: 1, sid: secret('s', 22), rt: secret('x') }],
    ])('%s is refused once it was used', async (_, fields) => {
      const { greet } = server();
      const first = greet();
      await first.welcome();
      await first.use();
      expect(await greet({ n: 3, ...fields }).code()).toBe(CloseCode.FORBIDDEN);
      // Whoever has it is not disturbed.
      expect(first.answers.isOver()).toBe(false);
    });

    it('may show the token before, until the newer one was used', async () => {
      const { greet } = server();
      const first = greet();
      const { sid, rt } = await first.welcome();
      await first.use();
      // This answer is lost on its way.
      await greet({ n: 3, sid, rt }).welcome();
      const third = greet({ n: 4, sid, rt });
      const { rt: newest } = await third.welcome();
      await third.use();
      expect(await greet({ n: 5, sid, rt }).code()).toBe(CloseCode.FORBIDDEN);
      expect(await greet({ n: 6, sid, rt: newest }).welcome()).toMatchObject({ known: true });
    });

    it('takes the place of the one before', async () => {
      const { greet } = server();
      const first = greet();
      const { sid, rt } = await first.welcome();
      await greet({ n: 3, sid, rt }).welcome();
      expect(await first.code()).toBe(CloseCode.SUPERSEDED);
    });

    it('must return later while another hello of the same client is checked', async () => {
      const loaded$ = new Subject<InboxRecord | undefined>();
      const inbox: FakeInbox = {
        ...fakeInbox(),
        claim: (pid, decide) =>
          loaded$.pipe(
            take(1),
            map((record) => ({ record, lease: leaseOf(pid, decide(record)?.owner) })),
          ),
      };
      const { greet } = server({ inbox });
      const first = greet();
      const second = greet({ n: 3 });
      expect(await second.code()).toBe(CloseCode.TRY_AGAIN_LATER);
      loaded$.next(undefined);
      expect(await first.welcome()).toMatchObject({ n: 2, known: false });
    });

    it('that is refused leaves no store open', async () => {
      let open = 0;
      const outbox = (): OutboxStore => {
        const store = outboxIn(fakeStorage());
        return {
          ...store,
          open: () => {
            open++;
            return store.open();
          },
          close: () => {
            open--;
            store.close();
          },
        };
      };
      const { greet } = server({ outbox });
      expect(await greet({ codecs: ['morse'] }).code()).toBe(CloseCode.UNSUPPORTED_DATA);
      expect(open).toBe(0);
    });
  });
});
