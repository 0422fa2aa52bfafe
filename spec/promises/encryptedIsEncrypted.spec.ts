import { firstValueFrom, from, ReplaySubject, toArray } from 'rxjs';
import { messageState } from '../../lib/operators/sending/messageState.js';
import { channel } from '../../lib/operators/channels/channel.js';
import { hub } from '../../lib/server/hub/hub.js';
import { decryptPayload, encryptPayload } from '../../lib/operators/payloads/encryptPayload.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { sealed } from '../../lib/codec/sealed.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import type { RxwireError } from '../../lib/message/errors.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import type { Delivery, Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/stores/lmdb/lmdbOutbox.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { folder } from '../stores/lmdb/folder.js';
import { enterSession, idsIn } from '../server/session/enterSession.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/freePort.js';
import { record } from '../support/record.js';
import { sniffer, UnmaskedWebSocket } from '../support/sniffer.js';
import { wireServer } from '../support/wireServer.js';

const SECRET = 'four-seven-eleven';
const OPEN = 'for-all-to-read';
const encrypted = { metadata: { encrypted: true } } satisfies MessageOptions;
const secret = (options: MessageOptions = {}): Message => createMessage('card.added', { number: SECRET }, { ...encrypted, ...options });
const open = (options: MessageOptions = {}): Message => createMessage('chat.said', { text: OPEN }, options);
const ring = () => keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Settings = Omit<ConnectOptions, 'link'>;

/** A real server, a real client, and all the bytes between them. */
async function connected(client: Settings = {}, server: ListenOptions<Principal | undefined> = {}) {
  const served$ = new ReplaySubject<Wire>();
  const running = await wireServer((wire) => served$.next(wire), server);
  cleanups.push(running.close);
  const between = await sniffer(running.port);
  cleanups.push(between.close);
  const join = (settings: Settings = client): Wire => {
    const wire = connect({ link: webSocket(`ws://127.0.0.1:${between.port}/wire`, { WebSocket: UnmaskedWebSocket }), ...settings });
    cleanups.push(() => wire.unsubscribe());
    return wire;
  };
  const wire = join();
  const served = await firstValueFrom(served$);
  return { wire, served, served$, join, text: between.text };
}

/** Sends a message that says it is encrypted, and one that does not, and returns how the first one has ended. */
async function refusedBy(wire: Wire, options: MessageOptions = {}) {
  const errors = record(wire.errors$);
  const message = secret(options);
  const states = record(messageState(wire, message.id));
  const error = (await wire.send(message).catch((reason: unknown) => reason)) as RxwireError;
  expect(states.values.at(-1)).toMatchObject({ status: 'dead', error });
  expect(errors.values).toEqual([error]);
  expect(wire.isPending(message.id)).toBe(false);
  await wire.send(open(options));
  return error;
}

describe('a message that says it is encrypted', () => {
  it.each<Delivery>(['at-most-once', 'at-least-once', 'exactly-once'])('and is not, never leaves the client: %s', async (delivery) => {
    const { wire, served, text } = await connected({ delivery });
    const received = record(served);
    expect(await refusedBy(wire)).toMatchObject({ code: 'ERR_NOT_ENCRYPTED', type: 'card.added' });
    expect((await received.take(1)).map(({ type }) => type)).toEqual(['chat.said']);
    expect(text()).toContain(OPEN);
    expect(text()).not.toContain(SECRET);
  });

  it('and is not, never leaves the client at a level of its own', async () => {
    const { wire, served, text } = await connected();
    served.subscribe();
    expect(await refusedBy(wire, { delivery: 'at-most-once' })).toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
    await eventually(() => expect(text()).toContain(OPEN));
    expect(text()).not.toContain(SECRET);
  });

  it('and is not, never leaves a client of envelopeProtocol', async () => {
    const { wire, served, text } = await connected({ protocol: envelopeProtocol });
    const received = record(served);
    expect(await refusedBy(wire)).toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
    expect(await received.take(1)).toHaveLength(1);
    expect(text()).not.toContain(SECRET);
  });

  it('and is not, is refused at once while there is no connection, and is not in a durable outbox', async () => {
    const path = folder();
    const link = webSocket(`ws://127.0.0.1:${await freePort()}/wire`);
    for (const settings of [{}, { outbox: lmdbOutbox({ path }) }]) {
      const wire = connect({ link, ...settings });
      expect(await wire.send(secret()).catch((error: unknown) => error)).toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
      wire.unsubscribe();
    }
    const outbox = lmdbOutbox({ path });
    const { batches } = await firstValueFrom(asObservable(() => outbox.open()));
    expect(batches).toEqual([]);
    outbox.close();
  });

  it('and is not, never leaves a server', async () => {
    const { wire, served, text } = await connected();
    const received = record(wire);
    expect(await refusedBy(served)).toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
    expect((await received.take(1)).map(({ type }) => type)).toEqual(['chat.said']);
    expect(text()).not.toContain(SECRET);
  });

  it('and is not, never leaves a server in a batch with others', async () => {
    const { server, wire, sent } = await enterSession({});
    const errors = record(wire.errors$);
    wire.next(secret());
    wire.next(open({ id: 'm2' }));
    await server.pass(10);
    expect(idsIn(await sent())).toEqual(['m2']);
    expect((await sent()).join()).not.toContain(SECRET);
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_NOT_ENCRYPTED']);
    server.stop();
  });

  it('and is not, never leaves a server for a client of envelopeProtocol', async () => {
    const { wire, served, text } = await connected({ protocol: envelopeProtocol });
    const received = record(wire);
    expect(await refusedBy(served)).toMatchObject({ code: 'ERR_NOT_ENCRYPTED' });
    expect(await received.take(1)).toHaveLength(1);
    expect(text()).not.toContain(SECRET);
  });

  it('and is not, never reaches a channel: neither from a client nor from the server', async () => {
    const rooms = hub();
    const failures = record(rooms.errors$);
    const { wire, served$, join, text } = await connected();
    served$.subscribe((served) => rooms.serve(served));
    const room = channel(wire, 'room');
    const received = record(room);
    const states = record(room.state$);
    await eventually(() => expect(states.values.at(-1)?.status).toBe('joined'));

    const errors = record(wire.errors$);
    room.next(secret());
    rooms.channel('room').next(secret());
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_NOT_ENCRYPTED']);
    expect(failures.values.map(({ code }) => code)).toEqual(['ERR_NOT_ENCRYPTED']);
    // A client that does not check it itself is refused by the hub.
    const hostile = join();
    const refusals = record(hostile);
    const publish = createMessage('channel.publish', { channel: 'room', message: createMessage('card.added', 'x', encrypted) });
    await expect(hostile.send(publish)).rejects.toMatchObject({ code: 'ERR_REFUSED', reason: 'not-encrypted' });
    await eventually(() =>
      expect(refusals.values.map(({ payload }) => payload)).toContainEqual({ channel: 'room', action: 'publish', reason: 'not-encrypted' }),
    );
    room.next(open());
    expect((await received.take(1)).map(({ type }) => type)).toEqual(['chat.said']);
    expect(text()).not.toContain(SECRET);
  });

  it('is sent where a sealed codec encrypts it', async () => {
    const { wire, served, text } = await connected({ codec: sealed(json(), ring()) }, { codecs: [sealed(json(), ring())] });
    const received = record(served);
    await wire.send(secret());
    expect((await received.take(1))[0]).toMatchObject({ payload: { number: SECRET }, ...encrypted });
    expect(text()).not.toContain(SECRET);
  });

  it('is sent when encryptPayload has encrypted it, and also when a server passes it on', async () => {
    const { wire, served, text } = await connected();
    served.subscribe(served);
    const received = record(wire.pipe(decryptPayload(ring())));
    from([secret()])
      .pipe(encryptPayload(ring()))
      .subscribe((message) => wire.next(message));
    expect((await received.take(1))[0]?.payload).toEqual({ number: SECRET });
    expect(text()).not.toContain(SECRET);
  });
});

describe('encryptPayload with a policy', () => {
  it('encrypts selected and marked messages, and sends all in the order of the source', async () => {
    const { wire, served, text } = await connected();
    const received = record(served.pipe(decryptPayload(ring(), { plain: 'pass' })));
    const messages = Array.from({ length: 30 }, (_, index) => {
      if (index % 3 === 0) return createMessage('card.sensitive', { number: SECRET }, { id: `m${index}` });
      return index % 3 === 1 ? open({ id: `m${index}` }) : secret({ id: `m${index}` });
    });
    // The cipher of browsers is asynchronous.
    const descriptor = Object.getOwnPropertyDescriptor(process, 'getBuiltinModule')!;
    Object.defineProperty(process, 'getBuiltinModule', { value: undefined, configurable: true });
    const encrypt = encryptPayload(ring(), { when: '**.sensitive' });
    Object.defineProperty(process, 'getBuiltinModule', descriptor);
    const sent = await firstValueFrom(from(messages).pipe(encrypt, toArray()));
    sent.forEach((message) => wire.next(message));
    const arrived = await received.take(30);
    expect(arrived.map(({ id, payload }) => [id, payload])).toEqual(messages.map(({ id, payload }) => [id, payload]));
    expect(text().split(OPEN)).toHaveLength(11);
    expect(text()).not.toContain(SECRET);
  });
});
