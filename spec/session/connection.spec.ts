import { VirtualTimeScheduler } from 'rxjs';
import { ConnectionLostError } from '../../lib/errors.js';
import { connections, type Connection } from '../../lib/session/connection.js';
import { record } from '../support/record.js';

/** A connection whose handshake may take 100 ms. */
function open() {
  const scheduler = new VirtualTimeScheduler();
  let opened: Connection | undefined;
  const options = {
    ...{ onClosed: () => undefined, isWaiting: () => false, ping: () => undefined },
    ...{ helloTimeout: 100, scheduler, traffic: undefined },
  };
  const frames = record(connections({ ...options, onOpen: (one) => (opened = one) }));
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  return { frames, runTo, connection: opened! };
}

describe('connection', () => {
  it('fails when the handshake does not end in time: the heartbeat starts after it', async () => {
    const { frames, runTo } = open();
    runTo(99);
    expect(frames.isOver()).toBe(false);
    runTo(100);
    expect(await frames.ended).toEqual(new ConnectionLostError(4408, 'the handshake timed out'));
  });

  it('has no such limit from then on', () => {
    const { frames, runTo, connection: mine } = open();
    mine.agree(1_000);
    runTo(900);
    expect(frames.isOver()).toBe(false);
  });

  it('waits for nothing when it has ended', () => {
    const { frames, runTo, connection: mine } = open();
    mine.close();
    expect(frames.isOver()).toBe(true);
    runTo(1_000);
    expect(frames.values).toEqual([]);
  });
});
