import { jest } from '@jest/globals';
import { concat, NEVER, of, Subject } from 'rxjs';
import { acceptedSocket } from '../../lib/link/acceptedSocket.js';
import type { Frame } from '../../lib/link/link.js';
import { FakeServerSocket } from '../support/fakeSocket.js';
import { record } from '../support/record.js';

// What a link over a real socket does is in socket.spec.ts.
describe('acceptedSocket', () => {
  it('emits and sends nothing after it was unsubscribed within a frame, and closes once', () => {
    const socket = new FakeServerSocket();
    const outgoing = new Subject<Frame>();
    const received: Frame[] = [];
    const subscription = acceptedSocket(socket)(outgoing).subscribe((frame) => {
      received.push(frame);
      subscription.unsubscribe();
      outgoing.next('late');
    });
    for (const frame of ['a', 'b']) socket.emit('message', Buffer.from(frame), false);
    socket.emit('close', 1_000, Buffer.from(''));
    expect([received, socket.sent, socket.closings, outgoing.observed]).toEqual([['a'], [], [[4_000, '']], false]);
  });

  it('sends nothing more after a frame whose sending throws', async () => {
    const socket = new FakeServerSocket();
    const boom = new Error('boom');
    const send = jest.spyOn(socket, 'send').mockImplementationOnce(() => {
      throw boom;
    });
    const link = record(acceptedSocket(socket)(concat(of('a', 'b'), NEVER)));
    expect(await link.ended).toBe(boom);
    expect([send.mock.calls, socket.closings[0]]).toEqual([[['a']], [4_000, '']]);
  });
});
