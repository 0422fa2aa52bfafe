import { once } from 'node:events';
import { createServer, request as requestTo, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A load balancer that passes each request to the port that is chosen for it. */
export async function httpProxy(choose: (request: IncomingMessage) => number) {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const passed = requestTo({ port: choose(request), host: '127.0.0.1', method, path: url, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy()).pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/wire`,
    close: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Passes requests to the ports by turns. */
export function byTurns(ports: readonly number[]): () => number {
  let turn = 0;
  return () => ports[turn++ % ports.length]!;
}
