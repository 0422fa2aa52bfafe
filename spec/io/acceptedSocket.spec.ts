import { jest } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { concat, NEVER, of, Subject, VirtualTimeScheduler } from 'rxjs';
import { socketLink } from '../support/socketLink.js';
import type { Frame } from '../../lib/io/link.js';
import { FakeServerSocket } from '../support/fakeSocket.js';
import { record } from '../support/record.js';

// What a link over a real socket does is in socket.spec.ts.
describe('acceptedSocket', () => {
  it('emits and sends nothing after it was unsubscribed within a frame, and closes once', () => {
    const socket = new FakeServerSocket();
    const outgoing = new Subject<Frame>();
    const received: Frame[] = [];
    const subscription = socketLink(socket)(outgoing).subscribe((frame) => {
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
    const link = record(socketLink(socket)(concat(of('a', 'b'), NEVER)));
    expect(await link.ended).toBe(boom);
    expect([send.mock.calls, socket.closings[0]]).toEqual([[['a']], [4_000, '']]);
  });
});

describe('a socket with much to read', () => {
  it('pauses after 64 KiB, and reads on in a later turn of the event loop', async () => {
    const socket = new FakeServerSocket();
    const [pause, resume] = [jest.spyOn(socket, 'pause').mockImplementation(() => undefined), jest.spyOn(socket, 'resume')];
    const link = record(socketLink(socket)(NEVER));
    socket.emit('message', Buffer.alloc(65_535), true);
    expect(pause).not.toHaveBeenCalled();
    socket.emit('message', Buffer.alloc(1), true);
    expect([pause.mock.calls.length, resume.mock.calls.length]).toEqual([1, 0]);
    await setImmediate();
    expect(resume).toHaveBeenCalledTimes(1);
    // The close frame of the peer follows.
    socket.emit('message', Buffer.alloc(65_536), true);
    link.subscription.unsubscribe();
    await setImmediate();
    expect(resume).toHaveBeenCalledTimes(2);
  });

  it('waits three times as long as its frames took, if that was long', () => {
    const socket = new FakeServerSocket();
    const [pause, resume] = [jest.spyOn(socket, 'pause').mockImplementation(() => undefined), jest.spyOn(socket, 'resume')];
    const scheduler = new VirtualTimeScheduler();
    const link = socketLink(socket, { scheduler })(NEVER).subscribe(() => (scheduler.frame += 30));
    socket.emit('message', Buffer.alloc(65_536), true);
    expect([pause.mock.calls.length, resume.mock.calls.length]).toEqual([1, 0]);
    scheduler.maxFrames = scheduler.frame + 89;
    scheduler.flush();
    expect(resume).not.toHaveBeenCalled();
    scheduler.maxFrames += 1;
    scheduler.flush();
    expect(resume).toHaveBeenCalledTimes(1);
    link.unsubscribe();
  });
});
