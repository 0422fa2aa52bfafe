import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

export interface FolderServer {
  readonly origin: string;
  close(): void;
}

/**
 * Serves the files of a folder on this machine, as hosts of static sites do: `/errors` is
 * `errors.html`, and an unknown path is answered with 404.html.
 *
 * @param port The port; 0 for a free one.
 */
export async function serveFolder(folder: string, port: number): Promise<FolderServer> {
  const server = createServer((request, response) => {
    void answer(folder, request.url ?? '/').then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => stop(server) };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer | string;
}

async function answer(folder: string, url: string): Promise<Answer> {
  // A URL resolves `..`, so that no path leads out of the folder.
  const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
  for (const file of [path, `${path}.html`, `${path}/index.html`]) {
    const body = await readFile(join(folder, file)).catch(() => undefined);
    if (body) return { status: 200, type: types[extname(file)] ?? 'application/octet-stream', body };
  }
  const body = await readFile(join(folder, '404.html')).catch(() => 'not found');
  return { status: 404, type: 'text/html; charset=utf-8', body };
}

function stop(server: Server): void {
  server.close();
  server.closeAllConnections();
}
