import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy in front of a port, whose connections can be cut: what is on its way is lost. */
export async function tcpProxy(target: number) {
  const pairs = new Set<readonly [near: Socket, far: Socket]>();
  const orphans: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!pairs.delete(pair)) return;
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = (): number => {
    const live = [...pairs];
    live.flat().forEach((socket) => socket.resetAndDestroy());
    return live.length;
  };
  return {
    port: (server.address() as AddressInfo).port,
    /** Resets every connection, and tells how many there were. */
    cut,
    /** Resets every connection for the client only: to the target it lives on, without a word. */
    cutNear: (): void => {
      for (const pair of pairs) {
        const [near, far] = pair;
        pairs.delete(pair);
        orphans.push(far.unpipe().pause());
        near.resetAndDestroy();
      }
    },
    /** Swallows all that comes from either side from now on, without a word. */
    freeze: (): void => [...pairs].flat().forEach((socket) => socket.unpipe().pause()),
    close: async (): Promise<void> => {
      server.close();
      cut();
      orphans.forEach((socket) => socket.destroy());
      await once(server, 'close');
    },
  };
}
