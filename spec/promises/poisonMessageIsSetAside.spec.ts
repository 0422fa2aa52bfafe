import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, throwError, toArray } from 'rxjs';
import type { Codec } from '../../lib/codec/codec.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { StoreError } from '../../lib/message/errors.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { DeadLetter } from '../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

/** A codec that encodes messages of one type as something that nobody can decode, as a faulty version of an app does. */
function faulty(codec: Codec): Codec {
  const isPoison = ({ type }: Message): boolean => type === 'test.poison';
  return {
    ...codec,
    encode: (batch, context) => {
      if (!batch.some(isPoison)) return codec.encode(batch, context);
      return codec.binary ? Uint8Array.of(0xc1, 1, 2, 3) : '{"not":"a message"}';
    },
  };
}

const good = (id: string): Message => createMessage('test.any', id, { id });
const poison = (id: string): Message => createMessage('test.poison', id, { id });

describe('a batch that cannot be decoded is set aside, and the session continues', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(codec: Codec, options: ListenOptions = {}) {
    const wires: Wire[] = [];
    const got: string[] = [];
    const server = await wireServer(
      (wire) => {
        wires.push(wire);
        wire.subscribe(({ id }) => got.push(id));
      },
      { codecs: [codec.binary ? msgpack() : json()], ...options },
    );
    cleanups.push(() => server.close());
    const wire = connect({ link: webSocket(server.url), codec: faulty(codec), reconnect: { initialInterval: 2, maxInterval: 5 } });
    cleanups.push(() => wire.unsubscribe());
    return { wire, wires, got, errors: record(wire.errors$) };
  }

  it.each([
    ['text', json()],
    ['bytes', msgpack()],
  ])('its sender receives the receipt dead, and later messages arrive: %s', async (_, codec) => {
    const { wire, wires, got, errors } = await start(codec);
    await wire.send(good('a'));
    const rejected = expect(wire.send(poison('b'))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    wire.next(good('c'));
    await rejected;
    expect(await wire.send(good('d'))).toMatchObject({ status: 'acked', outcome: 'processed' });
    // Both are in one batch.
    expect(got.filter((id) => id !== 'c')).toEqual(['a', 'd']);
    expect(wires).toHaveLength(1);
    expect(errors.values.map(({ code }) => code).filter((code) => code !== 'ERR_CONNECTION_LOST')).toContain('ERR_DECODE');
    expect(wire.state.status).toBe('connected');
  });

  it('is received three times, no more, also when its session is idle in between', async () => {
    const { wire, wires, got } = await start(json(), {});
    await wire.send(good('a'));
    const errors = record((wires[0] as Wire).errors$);
    await expect(wire.send(poison('b'))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await wire.send(good('c'));
    expect(got).toEqual(['a', 'c']);
    expect(errors.values.filter(({ code }) => code === 'ERR_INVALID_MESSAGE' || code === 'ERR_DECODE')).toHaveLength(3);
  });

  it('is a dead letter with its bytes, its number and the reason', async () => {
    const path = mkdtempSync(join(tmpdir(), 'rxwire-promise-'));
    cleanups.push(() => rmSync(path, { recursive: true }));
    const store = lmdbStore({ path });
    cleanups.push(() => store.close());
    const { wire } = await start(msgpack(), { inbox: store.inbox });
    await wire.send(good('a'));
    await expect(wire.send(poison('b'))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    const letters = await firstValueFrom(store.deadLetters.list().pipe(toArray()));
    expect(letters).toMatchObject([
      {
        reason: 'ERR_DECODE',
        attempts: 3,
        message: { type: 'system.undecodable', source: wire.id, payload: { number: 2, count: 1, codec: 'msgpack', size: 4 } },
      },
    ]);
    expect([...(letters[0]?.message.payload as { readonly body: Uint8Array }).body]).toEqual([0xc1, 1, 2, 3]);
  });

  it('is kept when the store of dead letters works again, and the session continues', async () => {
    const letters = memoryDeadLetters();
    let failures = 2;
    const add = (letter: DeadLetter): MaybeAsync<void> =>
      failures-- > 0 ? throwError(() => new StoreError('test', 'failed')) : letters.add(letter);
    const { wire, wires } = await start(json(), { deadLetters: { ...letters, add } });
    await wire.send(good('a'));
    const errors = record((wires[0] as Wire).errors$);
    await expect(wire.send(poison('b'))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    expect(await wire.send(good('c'))).toMatchObject({ status: 'acked', outcome: 'processed' });
    expect(errors.values.filter(({ code }) => code === 'ERR_STORE')).toHaveLength(2);
    expect(await firstValueFrom(letters.count())).toBe(1);
  });

  it('from server to client, too', async () => {
    const wires: Wire[] = [];
    const server = await wireServer((wire) => wires.push(wire), { codecs: [faulty(json())] });
    cleanups.push(() => server.close());
    const wire = connect({ link: webSocket(server.url), reconnect: { initialInterval: 2, maxInterval: 5 } });
    cleanups.push(() => wire.unsubscribe());
    const got = record(wire);
    await eventually(() => expect(wires).toHaveLength(1));
    const [served] = wires as [Wire];
    served.subscribe();
    await served.send(good('a'));
    await expect(served.send(poison('b'))).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await served.send(good('c'));
    expect(got.values.map(({ id }) => id)).toEqual(['a', 'c']);
  });
});
