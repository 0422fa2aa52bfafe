import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/stores/lmdb/lmdbOutbox.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { nested } from '../codec/messages.js';
import { eventually } from '../support/eventually.js';
import { foreignServer, type ForeignServerOptions } from '../support/foreignServer.js';
import { record, type Recording } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

const MIB = 1024 * 1024;
const item = (id: string, payload: unknown = id): Message => createMessage('test.item', payload, { id });
const big = (size: number): Message => item('big', 'x'.repeat(size));
const idsOf = (got: readonly Recording<Message>[]): readonly string[] => got.flatMap(({ values }) => values.map(({ id }) => id));

describe('a message that the other side would refuse', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'rxwire-promise-'));
    cleanups.push(() => rmSync(path, { recursive: true }));
    return path;
  }

  /** A client with an outbox on the disk, which may begin before its server does. */
  async function start(options: Partial<ConnectOptions> = {}) {
    const path = folder();
    const proxy = await tcpProxy(0);
    cleanups.push(() => proxy.close());
    return {
      aim: (port: number) => proxy.aim(port),
      async server(serverOptions: ListenOptions<Principal | undefined> = {}) {
        const got: Recording<Message>[] = [];
        const wires: Wire[] = [];
        const errors: Recording<unknown>[] = [];
        const server = await wireServer((wire) => {
          wires.push(wire);
          errors.push(record(wire.errors$));
          got.push(record(wire));
        }, serverOptions);
        cleanups.push(() => server.close());
        proxy.aim(server.port);
        return { wires, got: () => idsOf(got), errors: () => errors.flatMap(({ values }) => values) };
      },
      client(more: Partial<ConnectOptions> = {}) {
        const wire = connect({
          link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`),
          outbox: lmdbOutbox({ path }),
          maxFrame: 4 * MIB,
          reconnect: { initialInterval: 5, maxInterval: 20 },
          ...options,
          ...more,
        });
        cleanups.push(() => wire.unsubscribe());
        const [receipts, errors] = [record(wire.receipts$), record(wire.errors$), record(wire)];
        return {
          wire,
          /** The last status of a message, with the code of its error. */
          outcome: (id: string) => {
            const last = receipts.values.filter((receipt) => receipt.id === id).at(-1);
            return last?.error ? `${last.status}, ${(last.error as { readonly code?: string }).code ?? ''}` : last?.status;
          },
          errors: () => errors.values,
        };
      },
    };
  }

  /** Sends a message between two others, while there is no server, and then starts it. */
  async function check(
    message: Message,
    outcome: string,
    {
      client,
      server,
      restart = false,
    }: { client: Partial<ConnectOptions>; server: ListenOptions<Principal | undefined>; restart?: boolean },
  ) {
    const parts = await start(client);
    let life = parts.client();
    for (const one of [item('a'), message, item('b')]) life.wire.next(one);
    await eventually(() => expect(life.outcome('b')).toBe('queued'));
    if (restart) {
      await new Promise((resolve) => setTimeout(resolve, 100)); // until LMDB has what was sent: no event tells
      life.wire.unsubscribe();
      life = parts.client();
    }
    const { got } = await parts.server(server);
    await eventually(() => expect(got()).toEqual(['a', 'b']));
    await eventually(() => expect([life.outcome(message.id), life.outcome('a'), life.outcome('b')]).toEqual([outcome, 'acked', 'acked']));
    expect(life.errors()).toContainEqual(expect.objectContaining({ code: outcome.split(', ')[1] }));
    // The next life has nothing left of it, and goes on.
    life.wire.unsubscribe();
    const next = parts.client();
    next.wire.next(item('c'));
    await eventually(() => expect(got()).toEqual(['a', 'b', 'c']));
  }

  const codecs = (codec: Codec) => ({ codecs: [codec] });

  describe.each([false, true])('is dead, and later messages are sent, also after a restart of the client: %s', (restart) => {
    it('a frame that is larger than the server accepts', () =>
      check(big(2 * MIB), 'dead, ERR_FRAME_TOO_LARGE', { client: {}, server: {}, restart }));

    it('a text that is too large in UTF-8, and not in characters', () =>
      check(item('big', '\u20ac'.repeat(400_000)), 'dead, ERR_FRAME_TOO_LARGE', { client: {}, server: {}, restart }));

    it('more nodes than the server accepts', () =>
      check(
        item(
          'big',
          Array.from({ length: 2_000 }, () => []),
        ),
        'dead, ERR_ENCODE',
        {
          client: { codec: msgpack({ maxNodes: 1_000_000 }) },
          server: codecs(msgpack({ maxNodes: 1_000 })),
          restart,
        },
      ));

    it.each([json, msgpack])('more levels than the server accepts', (codec) =>
      check(item('big', nested(40)), 'dead, ERR_ENCODE', { client: { codec: codec({ maxDepth: 64 }) }, server: codecs(codec()), restart }),
    );

    it('more bytes than the server decompresses', () =>
      check(big(200_000), 'dead, ERR_ENCODE', {
        client: { codec: gzipped(json()) },
        server: codecs(gzipped(json(), { maxSize: 100_000 })),
        restart,
      }));
  });

  it('is sent in parts, in order, when only the batch of several messages is larger than the server accepts', async () => {
    const parts = await start();
    const { wire, outcome } = parts.client();
    const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
    for (const id of names) wire.next(item(id, 'x'.repeat(300_000)));
    await eventually(() => expect(outcome('m11')).toBe('queued'));
    const { got } = await parts.server();
    await eventually(() => expect(got()).toEqual(names));
    await eventually(() => expect(names.map(outcome)).toEqual(names.map(() => 'acked')));
  });

  it('is dead when it goes from the server to a client that accepts less', async () => {
    const parts = await start({ maxFrame: 64 * 1024 });
    const store = lmdbStore({ path: folder() });
    cleanups.push(() => store.close());
    const { wires, errors } = await parts.server({ outbox: (pid) => store.outbox(pid) });
    const client = parts.client();
    const got = record(client.wire);
    await eventually(() => expect(wires).toHaveLength(1));
    for (const one of [item('a'), big(100_000), item('b')]) wires[0]!.next(one);
    await eventually(() => expect(idsOf([got])).toEqual(['a', 'b']));
    expect(errors()).toContainEqual(expect.objectContaining({ code: 'ERR_FRAME_TOO_LARGE' }));
  });

  describe('by a server that announces no limits', () => {
    async function foreign(options: ForeignServerOptions) {
      const got: unknown[] = [];
      const server = await foreignServer((payload) => got.push(typeof payload === 'string' ? payload[0] : payload), options);
      cleanups.push(() => server.close());
      const parts = await start({ codec: json() });
      parts.aim(Number(new URL(server.url).port));
      return { got, client: () => parts.client(), server };
    }

    it.each<[string, ForeignServerOptions, string]>([
      ['1009', { maxPayload: 64 * 1024 }, '1009'],
      ['4400', { refuse: (_, text) => (text.length > 64 * 1024 ? 4400 : undefined) }, '4400'],
    ])('is given up alone when the server closes with %s for it each time', async (_, options, code) => {
      const { got, client } = await foreign(options);
      const { wire, outcome, errors } = client();
      for (const one of [item('a'), item('b'), big(100_000), item('c')]) wire.next(one);
      await eventually(() => expect(got).toEqual(['a', 'b', 'c']));
      await eventually(() => expect(outcome('c')).toBe('acked'));
      expect(outcome('big')).toBe('dead, ERR_REFUSED');
      expect(errors()).toContainEqual(expect.objectContaining({ code: 'ERR_REFUSED', id: 'big', remoteCode: code }));
    });

    it('is given up alone, also by a server that forgets the client each time', async () => {
      const { got, client } = await foreign({ forgets: true, refuse: (_, text) => (text.length > 64 * 1024 ? 4400 : undefined) });
      const { wire, outcome } = client();
      for (const one of [item('a'), item('b'), big(100_000), item('c')]) wire.next(one);
      await eventually(() => expect(outcome('c')).toBe('acked'));
      expect(outcome('big')).toBe('dead, ERR_REFUSED');
      expect([...new Set(got)]).toEqual(['a', 'b', 'c']);
    });

    it('is given up alone, also when two of them follow each other', async () => {
      const { got, client } = await foreign({ maxPayload: 64 * 1024 });
      const { wire, outcome } = client();
      for (const one of [item('a'), big(100_000), item('big2', 'x'.repeat(100_000)), item('c')]) wire.next(one);
      await eventually(() => expect(outcome('c')).toBe('acked'));
      expect([outcome('big'), outcome('big2'), got]).toEqual(['dead, ERR_REFUSED', 'dead, ERR_REFUSED', ['a', 'c']]);
    });

    it('is not given up when it is the network that ends each connection', async () => {
      let cuts = 0;
      const { got, client } = await foreign({ refuse: () => (cuts++ < 10 ? 1006 : undefined) });
      const { wire, outcome, errors } = client();
      for (const one of [item('a'), item('b')]) wire.next(one);
      await eventually(() => expect(got).toEqual(['a', 'b']));
      await eventually(() => expect(outcome('b')).toBe('acked'));
      expect(errors()).not.toContainEqual(expect.objectContaining({ code: 'ERR_REFUSED' }));
    });

    it('ends the wire when the server refuses each message, and most of the messages stay in the outbox', async () => {
      let isBroken = true;
      const { got, client } = await foreign({ refuse: () => (isBroken ? 4400 : undefined) });
      const { wire, outcome } = client();
      const names = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index));
      for (const id of names) wire.next(item(id));
      expect(await record(wire).ended).toMatchObject({ code: 'ERR_CONNECTION_LOST', closeCode: 4400 });
      const dead = names.filter((id) => outcome(id) === 'dead, ERR_REFUSED');
      expect(dead.length).toBeLessThanOrEqual(3);
      isBroken = false;
      client();
      await eventually(() => expect(got).toEqual(names.filter((id) => !dead.includes(id))));
    });
  });
});
