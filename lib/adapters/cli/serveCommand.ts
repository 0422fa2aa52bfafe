import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { of } from 'rxjs';
import type { ChannelLog } from '../../channels/channelLog.js';
import { hub, type Hub } from '../../server/hub/hub.js';
import { reply } from '../../operators/requests/reply.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { listen, type ListenOptions } from '../../server/listen.js';
import { digestOf, isSameText } from '../../server/nodePlatform.js';
import type { Principal, ServerWire } from '../../server/principal.js';
import { escapeControls } from '../../message/escapeControls.js';
import { type CommandContext, type RunCommand, checked, ExitCode, UsageError } from './commandContext.js';
import { tokenOption, wholeNumberOption } from './connectionOptions.js';
import { timeOfDay } from './printable.js';

interface ServeFlags {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly store?: string;
  readonly token?: string;
  readonly origin?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly drain: number;
}

type Client = ServerWire<Principal | undefined>;
type Settings = ListenOptions<Principal | undefined>;
type ReportEvent = (event: string, details: Readonly<Record<string, string>>) => void;

export function addServe(program: Command, run: RunCommand): void {
  program
    .command('serve')
    .description('serve wires and channels on a port, ack each message, and answer requests of the type echo')
    .option('--port <n>', 'the port; 0 for a free one', wholeNumberOption, 4870)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--path <path>', 'the path of the wires', '/wire')
    .option('--store <folder>', 'keep channels and sessions in this folder, with LMDB (default: in memory)')
    .addOption(tokenOption('what clients must show; without it, every client may connect'))
    .option('--origin <origin...>', 'origins of the pages of other hosts that may connect')
    .option('--allow-host <name...>', 'host names that clients may use (default: those of this machine, unless --host is another one)')
    .option('--drain <ms>', 'how long the end may wait for acks', wholeNumberOption, 5_000)
    .action((flags: ServeFlags) => run((context) => serveClients(flags, context)));
}

async function serveClients(flags: ServeFlags, context: CommandContext): Promise<number> {
  const { port, host, path, store, token, drain } = flags;
  const report = eventReporter(context);
  const stored = store === undefined ? undefined : await openStore(resolve(store));
  const rooms = hub<Client>(stored && { log: stored.log });
  const server = createServer((_request, response) => void response.writeHead(404).end());
  rooms.errors$.subscribe(({ message }) => context.note(message));

  const options: Settings = {
    ...admissionOf(flags),
    ...stored?.sessions,
    path,
    shutdown$: context.stop$,
    drainTimeout: Math.max(1, drain),
    onRefused: ({ text }) => report('refused', { reason: text }),
  };
  const listening$ = checked(() => listen(server, options));
  const served = new Promise<void>((complete, error) =>
    listening$.subscribe({ next: (wire) => serveClient(wire, rooms, report), error, complete }),
  );
  checked(() => server.listen(port, host));
  await once(server, 'listening');

  const { port: actual } = server.address() as AddressInfo;
  report('listening', { url: `ws://${host.includes(':') ? `[${host}]` : host}:${actual}${path}`, store: store ?? 'memory' });
  if (token === undefined && !isLoopback(host))
    context.note('every client that reaches this address may connect: RXWIRE_TOKEN sets a token');
  await served;
  server.close();
  server.closeAllConnections();
  stored?.close();
  return ExitCode.DONE;
}

function serveClient(wire: Client, rooms: Hub<Client>, report: ReportEvent): void {
  const { id } = wire;
  report('connected', { client: id, transport: wire.state.protocol });
  // A message that has no other subscriber is acked, too.
  wire.subscribe({ complete: () => report('ended', { client: id }) });
  rooms.serve(wire);
  wire.pipe(reply({ echo: ({ payload }) => of(payload) })).subscribe(wire);
}

function admissionOf({ host, token, origin, allowHost }: ServeFlags): Settings {
  // A page may give a name of its own the address of this machine.
  const hosts = allowHost ?? (isLoopback(host) ? LOOPBACK : undefined);
  return {
    ...(hosts && { hosts }),
    ...(origin && { origins: origin }),
    // All clients with the token are one principal.
    ...(token !== undefined && {
      authenticate: (credentials) => (isSameText(digestOf(credentials.token ?? ''), digestOf(token)) ? { id: 'rxwire' } : undefined),
      maxPerPrincipal: 10_000,
      maxDetachedPerPrincipal: 1_000,
    }),
  };
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host) || host === '::1' || host.startsWith('127.');
}

interface Stored {
  readonly log: ChannelLog;
  readonly sessions: Pick<Settings, 'inbox' | 'outbox'>;
  readonly close: () => void;
}

/** @throws {UsageError} If the package `lmdb` is not installed. */
async function openStore(path: string): Promise<Stored> {
  const [{ loadLmdb }, { lmdbChannelLog, lmdbStore }] = await Promise.all([
    import('../../stores/lmdb/lmdbPackage.cjs'),
    import('../node/index.js'),
  ]);
  try {
    loadLmdb();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new UsageError('--store needs the package lmdb: npm install lmdb');
  }
  const log = lmdbChannelLog({ path });
  const store = lmdbStore({ path });
  return {
    log,
    sessions: { inbox: store.inbox, outbox: (pid) => store.outbox(pid) },
    close() {
      log.close();
      store.close();
    },
  };
}

/** Prints what happens on the server: a line for a person, otherwise `{ "event": … }`. */
function eventReporter({ print, style }: CommandContext): ReportEvent {
  return (event, details) => {
    const timestamp = wallTime(steadyScheduler());
    const text = (): string =>
      [style('gray', timeOfDay(timestamp)), style('cyan', event), ...Object.values(details).map(escapeControls)].join('  ');
    void print({ event, timestamp, ...details }, text);
  };
}
