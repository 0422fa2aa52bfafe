import { once } from 'node:events';
import { jest } from '@jest/globals';
import { concat, finalize, NEVER, of, Subject, throwError, VirtualTimeScheduler } from 'rxjs';
import { WebSocket } from 'ws';
import { ConnectionLostError, OverflowError } from '../../lib/message/errors.js';
import { socketServer } from '../support/peer.js';
import { ends } from './sockets.js';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

describe.each(ends)('a link over the socket of %s', (_, openAt) => {
  let server: Awaited<ReturnType<typeof socketServer>>;
  let open: ReturnType<typeof openAt>;
  beforeEach(async () => {
    server = await socketServer();
    open = openAt(server);
  });
  afterEach(() => server.close());

  it('carries text and bytes both ways, in order', async () => {
    const { link, peer } = await open(concat(of('hello', bytes(1, 2), '€'), NEVER));
    expect(await peer.frames(3)).toEqual(['hello', bytes(1, 2), '€']);
    for (const frame of ['world', bytes(), bytes(3), '']) peer.socket.send(frame);
    expect(await link.take(4)).toEqual(['world', bytes(), bytes(3), '']);
  });

  it('closes with 1000 when outgoing completes, and completes once the peer agrees', async () => {
    const { link, peer } = await open(of('last'));
    expect(await peer.ended).toEqual({ code: 1000, reason: '' });
    expect(await peer.frames(1)).toEqual(['last']);
    expect(await link.ended).toBe('complete');
  });

  it('emits frames that the peer sent before it received the close frame', async () => {
    const outgoing = new Subject<string>();
    const { link, peer } = await open(outgoing);
    peer.socket.pause();
    outgoing.complete();
    peer.socket.send('late');
    peer.socket.resume();
    expect(await link.ended).toBe('complete');
    expect(link.values).toEqual(['late']);
  });

  it('completes when the peer closes with 1000', async () => {
    const outgoing = new Subject<string>();
    const { link, peer } = await open(outgoing);
    peer.socket.close(1000, 'done');
    expect(await link.ended).toBe('complete');
    expect(outgoing.observed).toBe(false);
  });

  it.each([
    [1011, 'out of order'],
    [4401, 'who are you?'],
    [4999, ''],
  ])('fails with the code and the reason when the peer closes with %i', async (code, reason) => {
    const outgoing = new Subject<string>();
    const { link, peer } = await open(outgoing);
    peer.socket.close(code, reason);
    expect(await link.ended).toEqual(new ConnectionLostError(code, reason));
    expect(await link.ended).toMatchObject({ code: 'ERR_CONNECTION_LOST', closeCode: code, reason, wasClean: true });
    expect(outgoing.observed).toBe(false);
  });

  it('fails with 1005 when the peer closes without a code', async () => {
    const { link, peer } = await open();
    peer.socket.close();
    expect(await link.ended).toMatchObject({ closeCode: 1005, wasClean: true });
  });

  it('fails with 1006 when the peer vanishes', async () => {
    const { link, peer } = await open();
    peer.socket.terminate();
    expect(await link.ended).toMatchObject({ closeCode: 1006, wasClean: false });
  });

  it('fails with 1006 when the peer vanishes before it has answered the close frame', async () => {
    const outgoing = new Subject<string>();
    const { link, peer } = await open(outgoing);
    peer.socket.pause();
    outgoing.complete();
    peer.socket.terminate();
    expect(await link.ended).toMatchObject({ closeCode: 1006, wasClean: false });
  });

  it('closes with 4000 when it is unsubscribed', async () => {
    const outgoing = new Subject<string>();
    const { link, peer, socket } = await open(outgoing);
    link.subscription.unsubscribe();
    expect(outgoing.observed).toBe(false);
    expect(await peer.ended).toEqual({ code: 4000, reason: '' });
    if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
    expect(link.isOver()).toBe(false);
  });

  it.each([
    ['its close code', new ConnectionLostError(4400, 'three bad frames'), { code: 4400, reason: 'three bad frames' }],
    ['4000', new OverflowError('things', 3), { code: 4000, reason: '' }],
    ['4000 where its code must not travel', new ConnectionLostError(1006, ''), { code: 4000, reason: '' }],
    ['4000 where its reason is too long to travel', new ConnectionLostError(4400, 'x'.repeat(124)), { code: 4000, reason: '' }],
  ])('delivers an error of outgoing, and closes with %s', async (__, error, ending) => {
    const { link, peer } = await open(
      concat(
        of('first'),
        throwError(() => error),
      ),
    );
    expect(await link.ended).toBe(error);
    expect(await peer.frames(1)).toEqual(['first']);
    expect(await peer.ended).toEqual(ending);
  });

  it('delivers an exception of send', async () => {
    const released = jest.fn();
    const { link, peer } = await open(concat(of({} as string), NEVER).pipe(finalize(released)));
    expect(await link.ended).toMatchObject({ name: 'TypeError' });
    expect(released).toHaveBeenCalledTimes(1);
    expect(await peer.ended).toEqual({ code: 4000, reason: '' });
  });

  describe('whose peer reads too slowly', () => {
    const large = 'x'.repeat(1_000_000);

    /** A link with more in its socket than the system takes, and a clock in the hands of the test. */
    async function stalled() {
      const scheduler = new VirtualTimeScheduler();
      const outgoing = new Subject<string>();
      const opened = await open(outgoing, { maxBuffered: 100_000, scheduler });
      opened.peer.socket.pause();
      let sent = 0;
      for (; opened.socket.bufferedAmount < 1_000_000; sent++) outgoing.next(large);
      return { ...opened, scheduler, outgoing, sent };
    }

    it('gives it up after 10 s, without waiting for its goodbye', async () => {
      const { link, peer, socket, scheduler, outgoing } = await stalled();
      outgoing.next('late');
      scheduler.frame = 9_999;
      outgoing.next('later');
      expect(outgoing.observed).toBe(true);
      scheduler.frame = 10_000;
      outgoing.next('too late');
      expect(await link.ended).toMatchObject({ closeCode: 4413, reason: 'the peer reads too slowly' });
      expect(outgoing.observed).toBe(false);
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
      peer.socket.resume();
      expect(await peer.ended).toMatchObject({ code: 1006 });
    });

    it('continues when the peer reads again in time', async () => {
      const { link, peer, socket, scheduler, outgoing, sent } = await stalled();
      outgoing.next('late');
      peer.socket.resume();
      await peer.frames(sent + 1);
      expect(socket.bufferedAmount).toBe(0);
      scheduler.frame = 10_000;
      outgoing.next('in time');
      expect((await peer.frames(sent + 2)).at(-1)).toBe('in time');
      link.subscription.unsubscribe();
    });
  });

  it('leaves nothing behind', async () => {
    const outgoing = new Subject<string>();
    const opened = [await open(outgoing), await open(outgoing), await open(outgoing), await open(outgoing)] as const;
    expect(server.server.clients.size).toBe(4);
    opened[0].link.subscription.unsubscribe();
    opened[1].peer.socket.close(1000);
    opened[2].peer.socket.close(4500);
    opened[3].peer.socket.terminate();
    await Promise.all(
      opened.map(async ({ peer, socket }) => {
        await peer.ended;
        if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
      }),
    );
    expect(server.server.clients.size).toBe(0);
    expect(outgoing.observed).toBe(false);
  });
});
