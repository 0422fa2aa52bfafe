import { Subject } from 'rxjs';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { standardConnection } from '../../../lib/server/fetch/standardSocket.js';
import { record } from '../../support/record.js';
import { Observable } from 'rxjs';
import type { Frame } from '../../../lib/io/link.js';

/** A web-standard WebSocket whose events the test calls. */
class FakeStandardSocket extends EventTarget {
  binaryType = 'blob';
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  readonly closings: unknown[] = [];

  send(frame: unknown): void {
    this.sent.push(frame);
  }

  close(code?: number, reason?: string): void {
    if (code === 1_006) throw new Error('the code is not valid');
    this.closings.push([code, reason]);
  }

  emit(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}

describe('standardConnection', () => {
  const open = (maxFrame = 100, maxBuffered = 1_000) => {
    const socket = new FakeStandardSocket();
    const closed$ = new Subject<void>();
    const closings = record(closed$);
    const connection = standardConnection(socket as never, { maxFrame, maxBuffered, stallTimeout: 1, onClosed: () => closed$.next() });
    const received = record(new Observable<Frame>((to) => connection.begin(to)));
    return { socket, connection, received, closings };
  };

  it('passes texts and bytes on, in both directions', () => {
    const { socket, connection, received } = open();
    expect(socket.binaryType).toBe('arraybuffer');
    socket.emit('message', { data: 'text' });
    socket.emit('message', { data: Uint8Array.of(1, 2).buffer });
    expect(received.values).toEqual(['text', Uint8Array.of(1, 2)]);
    connection.next('reply');
    expect(socket.sent).toEqual(['reply']);
  });

  it('closes with 1009 when a frame is too large, in bytes', async () => {
    const { socket, received } = open(100);
    socket.emit('message', { data: 'ä'.repeat(50) });
    expect(received.values).toHaveLength(1);
    socket.emit('message', { data: 'ä'.repeat(51) });
    expect(await received.ended).toMatchObject({ closeCode: 1_009 });
    expect(socket.closings).toEqual([[1_009, 'the frame is too large']]);
  });

  it('answers the close frame of the client with its code, once, as a worker must', async () => {
    const { socket, received, closings } = open();
    socket.emit('close', { code: 1_000, reason: '' });
    expect(await received.ended).toBe('complete');
    expect([socket.closings, closings.values.length]).toEqual([[[1_000, '']], 1]);
  });

  it.each([0, 1_006])('reports a lost connection, whose code is %p, as 1006', async (code) => {
    const { socket, received, closings } = open();
    socket.emit('error', { error: new Error('broken pipe') });
    socket.emit('close', { code, reason: '' });
    const error = await received.ended;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ closeCode: 1_006, reason: 'broken pipe' });
    expect(closings.values).toHaveLength(1);
  });

  it('closes with 4413 when the client reads too slowly', async () => {
    const { socket, connection, received } = open();
    socket.bufferedAmount = 2_000;
    connection.next('one');
    await new Promise((resolve) => setTimeout(resolve, 5));
    connection.next('two');
    expect(await received.ended).toMatchObject({ closeCode: 4_413 });
    expect([socket.sent, socket.closings]).toEqual([['one'], [[4_413, undefined]]]);
  });

  it('is over when it is closed before it is open: Deno tells no more of a client that has gone', () => {
    const { socket, connection, closings } = open();
    socket.readyState = 0;
    connection.error(new ConnectionLostError(4_408, 'no hello arrived in time'));
    expect(socket.closings).toEqual([[4_408, 'no hello arrived in time']]);
    expect(closings.values).toHaveLength(1);
    socket.emit('close', { code: 1_006, reason: '' });
    expect(closings.values).toHaveLength(1);
  });
});
