import { startVirtual } from './virtual.js';

describe('a wire that is ended by who is told that its connection is lost', () => {
  it('leaves nothing behind', async () => {
    const server = startVirtual({ detachedTimeout: 120_000 });
    const client = await server.enter();
    const [wire] = server.wires;
    wire!.errors$.subscribe(() => wire!.unsubscribe());
    client.close(1006);
    await server.pass(20);
    expect(server.errors.map(({ code }) => code)).toEqual(['ERR_CONNECTION_LOST']);
    server.stop();
    // The clock has nothing left to do: no timer holds what is gone.
    const before = server.scheduler.now();
    server.scheduler.maxFrames = Infinity;
    server.scheduler.flush();
    expect(server.scheduler.now() - before).toBeLessThan(120_000);
  });
});
