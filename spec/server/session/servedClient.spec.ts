import { frame, hello, message, secret } from '../../support/recordingServer.js';
import { startVirtual } from '../virtual.js';

describe('a client whose wire ends', () => {
  it('leaves nothing behind when a subscriber ends it during the connection-lost event', async () => {
    const server = startVirtual({ detachedTimeout: 120_000 });
    const client = await server.enter();
    const [wire] = server.wires;
    wire!.errors$.subscribe(() => wire!.unsubscribe());
    client.close(1006);
    await server.pass(20);
    expect(server.errors.map(({ code }) => code)).toEqual(['ERR_CONNECTION_LOST']);
    server.stop();
    expect(rest(server)).toBeLessThan(120_000);
  });

  it.each(['unsubscribed', 'stopped'])('reports no unacked messages of an envelope client once it is %s', async (how) => {
    const server = startVirtual({});
    const client = server.dial(frame(hello(secret())));
    await client.frames.take(1);
    server.wires[0]!.next(message('never acked'));
    await client.frames.take(2);
    if (how === 'unsubscribed') server.wires[0]!.unsubscribe();
    server.stop();
    expect(rest(server)).toBeLessThan(1_000);
  });
});

/** How long the clock goes on, in ms, for what is left of it: no timer may hold what is gone. */
function rest({ scheduler }: ReturnType<typeof startVirtual>): number {
  const before = scheduler.now();
  scheduler.maxFrames = Infinity;
  scheduler.flush();
  return scheduler.now() - before;
}
