import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  filter,
  fromEvent,
  ignoreElements,
  map,
  merge,
  mergeMap,
  pairwise,
  take,
  tap,
  type Observable,
} from 'rxjs';
import { msgpack, ofType, type Wire } from 'rxwire';
import { listen, type ServerCluster } from 'rxwire/server';
import type { NatsCluster } from 'rxwire/nats';
import { lmdbChannelLog } from 'rxwire/node';
import { buildPage, createHandler, parsePath } from './http.js';
import { createPageSockets, type PageSockets } from './pageSockets.js';
import { createWorkspaces, runsIn, type Workspaces, type WorkspacesOptions } from './workspace/workspaces.js';

/** Where the wire is. */
const PATH = '/wire';

/** How often each side must be heard, in ms: a black hole is noticed within two to two and a half of these. */
const PING_INTERVAL = 2_000;

/** The output of all runs may take so many bytes: above it, the server removes the oldest runs. It removes each run after a week. */
const MAX_KEPT = 268_435_456;

export interface ConsoleOptions extends WorkspacesOptions {
  /** 0 takes any that is free. @default 4870 */
  readonly port?: number;
  /** Whether to serve the page; without it, only the wire. @default true */
  readonly page?: boolean;
  /** The folder in which the runs are kept. One server may use it at a time. @default one of its own, which is removed when the server closes */
  readonly folder?: string;
  /** Makes the server a node of a cluster, whose log keeps all channels in place of `folder`. */
  readonly cluster?: ServerCluster & Pick<NatsCluster, 'log' | 'state$'>;
  /** Further hosts under which the server may be asked, such as `127.0.0.1:8080` of a proxy. @default none */
  readonly hosts?: readonly string[];
}

export interface Console {
  /** Where it is, such as `http://127.0.0.1:4870`. */
  readonly url: string;
  /** Kills the programs, closes the connections, stops listening. */
  readonly close: () => Promise<void>;
}

/** Starts the console's server, on this machine's loopback address only: whoever reaches it can run code. */
export async function startConsole(options: ConsoleOptions = {}): Promise<Console> {
  const { port = 4870, page = true, folder, cluster, hosts: otherHosts = [], ...limits } = options;
  const pages = createPageSockets();
  const hosts = (): string[] => [
    ...['127.0.0.1', 'localhost'].map((name) => new URL(`http://${name}:${(server.address() as AddressInfo).port}`).host),
    ...otherHosts,
  ];

  const assets = page ? await buildPage() : new Map<string, never>();
  const door = createServer();
  const server = createServer();
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  // Only now: another server that has this port may have this folder, too.
  const { log, close: closeLog } = cluster ? { log: cluster.log, close: () => Promise.resolve() } : openFolder(folder);
  const workspaces = createWorkspaces(log, { ...limits, ...(cluster && { node: cluster.node }) });
  // The runs of other nodes go on, as long as those do.
  await workspaces.interrupt((node) => node === cluster?.node);
  const interrupting = cluster ? interruptGone(cluster, workspaces).subscribe() : undefined;
  openDoor({ server, door, hosts, pages, answer: createHandler({ assets, hosts, cut: pages.cut }) });
  const serving = listen(door, {
    path: PATH,
    hosts: hosts(),
    codecs: [msgpack()],
    pingInterval: PING_INTERVAL,
    ...(cluster && { cluster }),
  })
    .pipe(mergeMap((wire) => serve(wire, workspaces)))
    .subscribe();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    interrupting?.unsubscribe();
    serving.unsubscribe();
    workspaces.close();
    server.close();
    server.closeAllConnections();
    // A client that does not answer the goodbye must not keep the server.
    const impatience = setTimeout(() => connections.forEach((socket) => socket.destroy()), 1_000);
    await closed;
    clearTimeout(impatience);
    await closeLog();
  };
  return { url: `http://${hosts()[0]}`, close };
}

/** Ends the runs of each node that goes. One of the nodes that are left does so: the first by its name. */
function interruptGone({ node, state$ }: Pick<NatsCluster, 'node' | 'state$'>, workspaces: Workspaces): Observable<unknown> {
  return state$.pipe(
    map(({ nodes }) => nodes.map((other) => other.node).sort()),
    pairwise(),
    map(([before, now]) => ({ first: now[0], gone: before.filter((other) => !now.includes(other)) })),
    filter(({ first, gone }) => first === node && gone.length > 0),
    concatMap(({ gone }) =>
      defer(() => workspaces.interrupt((of) => of !== undefined && gone.includes(of))).pipe(
        // Its log has failed. The runs stay open until their node is back.
        catchError((error: Error) => {
          console.error(`rxwire: ${error.message}`);
          return EMPTY;
        }),
      ),
    ),
  );
}

/** Opens the log of the runs in a folder. */
function openFolder(folder: string | undefined) {
  const path = folder ?? mkdtempSync(join(tmpdir(), 'rxwire-console-'));
  const runs = lmdbChannelLog({ path, maxTotalBytes: MAX_KEPT });
  const close = async (): Promise<void> => {
    runs.close();
    if (folder === undefined) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  };
  return { log: runsIn(runs), close };
}

function serve(wire: Wire, workspaces: Workspaces): Observable<unknown> {
  // The session ends here, without a goodbye: to the page, the server has forgotten it.
  const forgotten$ = wire.pipe(
    ofType('session.forget'),
    tap(() => wire.error(new Error('its page has asked to be forgotten'))),
    ignoreElements(),
  );
  return merge(workspaces.serve(wire), forgotten$).pipe(
    tap((message) => wire.next(message)),
    // One client that is gone for good is no reason to leave the others.
    catchError(() => EMPTY),
  );
}

interface Door {
  readonly server: Server;
  /** Gets what is for the wire. */
  readonly door: Server;
  readonly hosts: () => readonly string[];
  readonly pages: PageSockets;
  /** Answers what is not for the wire. */
  readonly answer: RequestListener;
}

/**
 * Lets requests and upgrades through to the wire if they were sent to this server by its own name: a browser can be made to take a
 * stranger's name for this address, and would then vouch for the stranger's page. Remembers the connections of each page.
 */
function openDoor({ server, door, hosts, pages, answer }: Door): void {
  const isKnown = ({ headers }: IncomingMessage): boolean => hosts().includes(headers.host ?? '');
  const pageOf = ({ url }: IncomingMessage): string | null => parsePath(url).searchParams.get('console');

  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!isKnown(request)) {
      socket.on('error', () => socket.destroy()).end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    pages.add(pageOf(request), socket, socket);
    door.emit('upgrade', request, socket, head);
  });
  server.on('request', (request, response) => {
    if (parsePath(request.url).pathname !== PATH || !isKnown(request)) {
      answer(request, response);
      return;
    }
    pages.add(pageOf(request), request.socket, response);
    // Not each request for this path is one of a wire.
    if (!door.emit('request', request, response)) answer(request, response);
  });
}

async function main(): Promise<void> {
  const port = Number(process.env['PORT'] ?? 4870);
  // A port that is free today may be another's tomorrow: its runs are not kept.
  const folder = port > 0 ? { folder: fileURLToPath(new URL(`.tmp/${port}`, import.meta.url)) } : {};
  const { url, close } = await startConsole({ port, ...folder });
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
