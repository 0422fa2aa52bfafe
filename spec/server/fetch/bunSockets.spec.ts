import { Observable } from 'rxjs';
import type { AcceptedSocket } from '../../../lib/io/acceptedSocket.js';
import type { Frame } from '../../../lib/io/link.js';
import { bunWebSocketHandler, upgradeInBun, type BunSocket } from '../../../lib/server/fetch/bunSockets.js';
import { record } from '../../support/record.js';

describe('the WebSockets of Bun', () => {
  const open = (maxFrame = 100) => {
    const handler = bunWebSocketHandler(maxFrame);
    const socket = {
      data: undefined as unknown,
      sent: [] as unknown[],
      closings: [] as unknown[],
      buffered: 0,
      result: 1,
      send: (frame: unknown) => (socket.sent.push(frame), socket.result),
      close: (code?: number, reason?: string) => void socket.closings.push([code, reason]),
      terminate: () => void socket.closings.push('terminated'),
      getBufferedAmount: () => socket.buffered,
    };
    let connection!: AcceptedSocket;
    let closed = 0;
    const upgrade = (_: Request, { data }: { readonly data: unknown }): boolean => {
      socket.data = data;
      return true;
    };
    const options = { maxFrame, maxBuffered: 1_000, stallTimeout: 1, onClosed: () => (closed += 1) };
    upgradeInBun({ upgrade, requestIP: () => null }, new Request('http://a/'), options, (opened) => (connection = opened));
    handler.open(socket);
    const received = record(new Observable<Frame>((to) => connection.begin(to)));
    return { handler, socket: socket as typeof socket & BunSocket, connection, received, closed: () => closed };
  };

  it('pass texts and bytes on, and their end', async () => {
    const { handler, socket, connection, received, closed } = open();
    handler.message(socket, 'text');
    handler.message(socket, Buffer.from([1, 2]));
    expect(received.values).toEqual(['text', Uint8Array.of(1, 2)]);
    connection.next('reply');
    expect(socket.sent).toEqual(['reply']);
    handler.close(socket, 4_000, 'mine');
    expect(await received.ended).toMatchObject({ closeCode: 4_000, reason: 'mine' });
    expect(closed()).toBe(1);
  });

  it('lose the connection when Bun has dropped a frame: the session sends the frame again', async () => {
    const { socket, connection, received } = open();
    socket.result = 0;
    connection.next('dropped');
    expect(await received.ended).toMatchObject({ closeCode: 4_413 });
    expect(socket.closings).toEqual(['terminated']);
  });

  it('are terminated when the client reads too slowly', async () => {
    const { socket, connection, received } = open();
    socket.buffered = 2_000;
    socket.result = -1;
    connection.next('one');
    await new Promise((resolve) => setTimeout(resolve, 5));
    connection.next('two');
    expect(await received.ended).toMatchObject({ closeCode: 4_413 });
    expect([socket.sent, socket.closings]).toEqual([['one'], ['terminated']]);
  });

  it('are closed with 4429 after too many pings', async () => {
    const { handler, socket, received } = open();
    for (let count = 0; count <= 1_001; count++) handler.ping(socket);
    expect(await received.ended).toMatchObject({ closeCode: 4_429 });
  });

  it('have no limits but those of the handler', () => {
    expect(bunWebSocketHandler(Infinity)).toMatchObject({ maxPayloadLength: 2 ** 31 - 1, idleTimeout: 0, perMessageDeflate: false });
    expect(bunWebSocketHandler(100).maxPayloadLength).toBe(100);
  });
});
