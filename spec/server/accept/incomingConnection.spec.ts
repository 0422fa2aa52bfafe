import { VirtualTimeScheduler } from 'rxjs';
import { HandshakeTimeouts } from '../../../lib/server/accept/handshakeTimeouts.js';

describe('HandshakeTimeouts', () => {
  it('ends each handshake at its time, also when the end of an earlier one begins another', () => {
    const scheduler = new VirtualTimeScheduler();
    const timeouts = new HandshakeTimeouts(100, scheduler);
    const ended: string[] = [];
    const begin = (name: string, then?: () => void): void =>
      timeouts.begin({
        onHandshakeTimeout() {
          ended.push(`${name} at ${scheduler.now()}`);
          then?.();
        },
      });
    begin('a', () => begin('c'));
    scheduler.schedule(() => begin('b'), 50);
    scheduler.flush();
    expect(ended).toEqual(['a at 100', 'b at 150', 'c at 200']);
  });
});
