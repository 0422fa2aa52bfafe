import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tcpProxy, type TcpProxy } from './tcpProxy.js';

/** A server that says back what it hears, behind a proxy. */
let proxy: TcpProxy;
let port: number;
const sockets = new Set<Socket>();
let heard = '';
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined).pipe(socket);
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
});

beforeEach(async () => {
  heard = '';
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  proxy = await tcpProxy(port);
});
afterEach(async () => {
  await proxy.close();
  server.close();
  await once(server, 'close');
});

async function dial(to = proxy.port): Promise<Socket> {
  const socket = connect(to, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
}

/** Says something, and waits until all of it has come back. */
async function echo(socket: Socket, text: string): Promise<readonly string[]> {
  const chunks: string[] = [];
  socket.write(text);
  while (chunks.join('').length < text.length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk.toString());
  }
  return chunks;
}

const errorOf = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.on('error', resolve));

describe('tcpProxy', () => {
  it('forwards bytes in both directions, at once', async () => {
    expect(await echo(await dial(), 'hello')).toEqual(['hello']);
  });

  it('slices, and loses nothing of it', async () => {
    const socket = await dial();
    proxy.weather({ down: { slice: 3 } });
    const chunks = await echo(socket, 'x'.repeat(300));
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.join('')).toBe('x'.repeat(300));
  });

  it('delays', async () => {
    const socket = await dial();
    proxy.weather({ up: { delay: 60 }, down: { delay: 60 } });
    const begun = performance.now();
    await echo(socket, 'hello');
    expect(performance.now() - begun).toBeGreaterThan(115);
  });

  it('lets bytes wait while nothing is read, and loses none', async () => {
    const socket = await dial();
    proxy.weather({ up: { stall: true } });
    const echoed = echo(socket, 'hello');
    const direct = await dial(port);
    await echo(direct, 'b');
    expect(heard).toBe('b');
    proxy.weather({});
    expect(await echoed).toEqual(['hello']);
    direct.destroy();
  });

  it('swallows, and a connection that has lost bytes carries none any more', async () => {
    const [socket, other, direct] = [await dial(), await dial(), await dial(port)];
    proxy.weather({ up: { swallow: true } });
    socket.write('a');
    // All of this is one process: before this has come back, that was read.
    await echo(direct, 'b');
    proxy.weather({});
    socket.write('c');
    await echo(other, 'd');
    expect(heard).toBe('bd');
    direct.destroy();
  });

  it('resets connections, for the client alone, too', async () => {
    for (const cut of [proxy.cut, proxy.cutNear]) {
      const socket = await dial();
      // Whoever is cut off before that is told so in other words.
      await echo(socket, 'hello');
      const told = errorOf(socket);
      cut();
      expect(await told).toMatchObject({ code: 'ECONNRESET' });
    }
  });

  it('resets connections for the target alone', async () => {
    const socket = await dial();
    await echo(socket, 'hello');
    const told = errorOf([...sockets].at(-1)!);
    proxy.cutFar();
    expect(await told).toMatchObject({ code: 'ECONNRESET' });
    expect(socket.readyState).toBe('open');
  });

  it('refuses, and accepts again on the same port', async () => {
    proxy.refuse();
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.accept();
    expect(await echo(await dial(), 'hello')).toEqual(['hello']);
  });

  it('uses another target for later connections', async () => {
    proxy.aim(1);
    const socket = await dial();
    await once(socket, 'close');
    proxy.aim(port);
    expect(await echo(await dial(), 'hello')).toEqual(['hello']);
  });
});
