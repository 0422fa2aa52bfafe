import { NEVER } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { rawClient, socketServer, type Peer } from '../support/peer.js';
import { record } from '../support/record.js';
import { batch, fieldsOf, helloFrame, secret, welcomeFrame } from '../support/sessionFrames.js';
import { wireServer } from '../support/wireServer.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function served(options: ListenOptions<Principal | undefined> = {}) {
  const wires: Wire[] = [];
  const got: string[] = [];
  const errors: string[] = [];
  const server = await wireServer((wire) => {
    wires.push(wire);
    wire.errors$.subscribe(({ code }) => errors.push(code));
    wire.subscribe(({ id }: Message) => got.push(id));
  }, options);
  cleanups.push(() => server.close());
  return { url: server.url, wires, got, errors };
}

interface Welcomed {
  readonly peer: Peer;
  readonly welcome: Readonly<Record<string, unknown>>;
}

/** Says hello, and confirms the welcome. */
async function enter(url: string, fields: object, options: { readonly maxPayload?: number } = {}): Promise<Welcomed> {
  const peer = await rawClient(url, options);
  peer.socket.send(helloFrame(fields));
  const [frame] = await peer.frames(1);
  peer.socket.send('["ack",0,1024]');
  await peer.frames(2);
  return { peer, welcome: fieldsOf(frame) };
}

const returning = (pid: string, n: number, { sid, rt }: Welcomed['welcome']): object => ({ pid, n, sid, rt, rx: 0 });

describe('the protocol is as its document says', () => {
  describe('a close code that a WebSocket library sends by itself does not end a session (9.2)', () => {
    it.each([1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4408, 4409, 4410])('on the server: %i', async (code) => {
      const { url, wires } = await served();
      const pid = secret();
      const { peer, welcome } = await enter(url, { pid });
      peer.socket.close(code);
      await peer.ended;
      const back = await enter(url, returning(pid, 2, welcome));
      expect(back.welcome).toMatchObject({ known: true, resumed: true, sid: welcome['sid'] });
      expect(wires).toHaveLength(1);
    });

    it('on the server: 1009, which the library of a client sends for a frame that it does not read', async () => {
      const { url, wires } = await served();
      const pid = secret();
      const { peer, welcome } = await enter(url, { pid }, { maxPayload: 1_000 });
      wires[0]!.next(createMessage('test.any', 'x'.repeat(2_000), { id: 'large' }));
      await peer.ended;
      const back = await enter(url, returning(pid, 2, welcome));
      expect(back.welcome).toMatchObject({ known: true, resumed: true, sid: welcome['sid'] });
      expect((await back.peer.frames(3)).join()).toContain('"id":"large"');
    });

    it.each([1000, 4400])('but %i does', async (code) => {
      const { url, wires } = await served();
      const pid = secret();
      const { peer, welcome } = await enter(url, { pid });
      peer.socket.close(code);
      await peer.ended;
      const back = await enter(url, returning(pid, 2, welcome));
      expect(back.welcome).toMatchObject({ known: false, resumed: false });
      expect(wires).toHaveLength(2);
    });

    it.each([1002, 1007])('on the client: %i', async (code) => {
      const server = await socketServer();
      const wire = connect({ link: webSocket(server.url), reconnect: { initialInterval: 1, maxInterval: 1 } });
      cleanups.push(
        () => server.close(),
        () => wire.unsubscribe(),
      );
      const ended = record(wire).isOver;
      const first = await server.peer(0);
      await first.frames(1);
      const welcome = welcomeFrame();
      first.socket.send(welcome);
      await first.frames(2);
      first.socket.close(code);
      const [hello] = await (await server.peer(1)).frames(1);
      const { sid, rt } = fieldsOf(welcome);
      expect(fieldsOf(hello)).toMatchObject({ n: 2, sid, rt, rx: 0 });
      expect(ended()).toBe(false);
    });
  });

  it.each([
    ['a sid without its rt (4)', { sid: secret() }],
    ['an rt without its sid (4)', { rt: secret() }],
    ['no codec (4)', { codecs: [] }],
    ['an rx after which there are no numbers (4)', { sid: secret(), rt: secret(), rx: 2 ** 51 + 1 }],
  ])('refuses a hello with %s', async (_, fields) => {
    const { url, wires } = await served();
    const peer = await rawClient(url);
    peer.socket.send(helloFrame(fields));
    expect(await peer.ended).toMatchObject({ code: 4400 });
    expect(wires).toHaveLength(0);
  });

  it('refuses a welcome with an rx after which there are no numbers (4)', async () => {
    const server = await socketServer();
    const wire = connect({ link: webSocket(server.url) });
    cleanups.push(
      () => server.close(),
      () => wire.unsubscribe(),
    );
    record(wire);
    const peer = await server.peer();
    await peer.frames(1);
    peer.socket.send(welcomeFrame({ rx: 2 ** 51 + 1 }));
    expect(await peer.ended).toMatchObject({ code: 4400 });
  });

  it.each(['["ack",00,1024]', '["ack",0,01024]', batch(1, 'a').replace('1', '01'), batch(1, 'a').replace(',1,{', ',01,{')])(
    'refuses leading zeros (3.1): %s',
    async (frame) => {
      const { url, got } = await served();
      const { peer } = await enter(url, {});
      peer.socket.send(frame);
      expect(await peer.ended).toMatchObject({ code: 4400 });
      expect(got).toEqual([]);
    },
  );

  it('refuses a known client that no longer offers its codec with 1003, and keeps its session (4)', async () => {
    const { url, wires } = await served({ codecs: [json(), msgpack()] });
    const pid = secret();
    const { peer, welcome } = await enter(url, { pid });
    peer.socket.terminate();
    const other = await rawClient(url);
    other.socket.send(helloFrame({ ...returning(pid, 2, welcome), codecs: ['msgpack'] }));
    expect(await other.ended).toMatchObject({ code: 1003 });
    expect(await other.frames(1)).toEqual([]);
    const back = await enter(url, { ...returning(pid, 3, welcome), codecs: ['msgpack', 'json'] });
    expect(back.welcome).toMatchObject({ known: true, resumed: true, codec: 'json' });
    expect(wires).toHaveLength(1);
  });

  it('refuses a frame that comes before the welcome, also while the server finds out who the client is (4)', async () => {
    const { url, wires } = await served({ authenticate: () => NEVER });
    const peer = await rawClient(url);
    peer.socket.send(helloFrame());
    peer.socket.send('["ack",0,1024]');
    expect(await peer.ended).toMatchObject({ code: 4400 });
    expect(wires).toHaveLength(0);
  });

  it('counts a batch that cannot be decoded also while the session sleeps: a client that waits for each ack gets on (6)', async () => {
    const { url, got, errors } = await served();
    const pid = secret();
    let { peer, welcome } = await enter(url, { pid });
    const awake = peer.frames(3);
    peer.socket.send(batch(1, 'a'));
    expect((await awake).at(-1)).toBe('["ack",1,1024]');
    for (let n = 2; n < 4; n++) {
      peer.socket.send('["msg",2,1,{}]');
      expect(await peer.ended).toMatchObject({ code: 4410 });
      ({ peer, welcome } = await enter(url, returning(pid, n, welcome)));
      // Longer than a session stays awake that is new.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    peer.socket.send('["msg",2,1,{}]');
    const [rejected, acked] = (await peer.frames(4)).slice(2);
    expect(rejected).toContain('["reject",[[2,"undecodable"');
    expect(acked).toMatch(/^\["ack",2,1024,\d+,1\]$/);
    peer.socket.send(batch(3, 'c'));
    await eventually(() => expect(got).toEqual(['a', 'c']));
    expect(errors.filter((code) => code === 'ERR_INVALID_MESSAGE')).toHaveLength(3);
  });
});
