import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { catchError, EMPTY, fromEvent, merge, mergeMap, take, tap, type Observable } from 'rxjs';
import type { Wire } from 'rxwire';
import { listen } from 'rxwire/server';
import { executions, type ExecutionOptions } from './executions.js';
import { buildPage, createHandler, parsePath } from './http.js';
import { runCode } from './sandbox.js';
import { createWorkspaces, type Workspaces, type WorkspacesOptions } from './workspace/workspaces.js';

export interface ConsoleOptions extends ExecutionOptions, WorkspacesOptions {
  /** 0 takes any that is free. @default 4870 */
  readonly port?: number;
  /** Whether to serve the page; without it, only the wire. @default true */
  readonly page?: boolean;
}

export interface Console {
  /** Where it is, such as `http://127.0.0.1:4870`. */
  readonly url: string;
  /** Kills the programs, closes the connections, stops listening. */
  readonly close: () => Promise<void>;
}

/** Starts the console's server, on this machine's loopback address only: whoever reaches it can run code. */
export async function startConsole(options: ConsoleOptions = {}): Promise<Console> {
  const { port = 4870, page = true, ...limits } = options;
  const pages = new Map<string, Socket>();
  const cut = (id: string): boolean => pages.get(id)?.resetAndDestroy() !== undefined;
  const hosts = (): string[] =>
    ['127.0.0.1', 'localhost'].map((name) => new URL(`http://${name}:${(server.address() as AddressInfo).port}`).host);

  const assets = page ? await buildPage() : new Map<string, never>();
  const server = createServer(createHandler({ assets, hosts, cut }));
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const door = createDoor(server, hosts, pages);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const workspaces = createWorkspaces(limits);
  const serving = listen(door, { path: '/wire', hosts: hosts() })
    .pipe(mergeMap((wire) => serve(wire, workspaces, limits)))
    .subscribe();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    serving.unsubscribe();
    workspaces.close();
    server.close();
    server.closeAllConnections();
    // A client that does not answer the goodbye must not keep the server.
    const impatience = setTimeout(() => connections.forEach((socket) => socket.destroy()), 1_000);
    await closed;
    clearTimeout(impatience);
  };
  return { url: `http://${hosts()[0]}`, close };
}

function serve(wire: Wire, workspaces: Workspaces, limits: ExecutionOptions): Observable<unknown> {
  const run: ExecutionOptions['run'] = ({ sandboxId, data }, box) => workspaces.find(sandboxId)?.run(data, box) ?? runCode(data, box);
  return merge(executions(wire, { ...limits, run }), workspaces.serve(wire)).pipe(
    tap((message) => wire.next(message)),
    // One client that is gone for good is no reason to leave the others.
    catchError(() => EMPTY),
  );
}

/**
 * Lets upgrades through to the wire if they were sent to this server by its own name: a browser can be made to take a
 * stranger's name for this address, and would then vouch for the stranger's page. Remembers the connection of each page.
 */
function createDoor(server: Server, hosts: () => readonly string[], pages: Map<string, Socket>): Server {
  const door = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!hosts().includes(request.headers.host ?? '')) {
      socket.on('error', () => socket.destroy()).end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const id = parsePath(request.url).searchParams.get('console');
    if (id !== null) {
      pages.set(id, socket);
      socket.once('close', () => pages.get(id) === socket && pages.delete(id));
    }
    door.emit('upgrade', request, socket, head);
  });
  return door;
}

async function main(): Promise<void> {
  const port = Number(process.env['PORT'] ?? 4870);
  const { url, close } = await startConsole({ port });
  console.log(`rxwire console: ${url} (Ctrl+C stops it)`);
  merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'))
    .pipe(take(1))
    .subscribe(() => void close());
}

function explain(error: NodeJS.ErrnoException): void {
  const port = process.env['PORT'] ?? 4870;
  const hints: Record<string, string> = {
    EADDRINUSE: `port ${port} is taken: stop what uses it, or choose another with PORT=${Number(port) + 1} npm start`,
    ERR_SOCKET_BAD_PORT: `PORT must be a number from 0 to 65535, got ${port}`,
  };
  console.error(`rxwire: ${hints[error.code ?? ''] ?? error.message}`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main().catch(explain);
