import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { fromEvent, ignoreElements, last, lastValueFrom, map, merge, takeUntil, tap } from 'rxjs';
import { connect, msgpack, webSocket, type Wire } from 'rxwire';
import { execute, newRun, stopRun } from './client.js';
import { outputIn, type ExecutionMessage } from './messages.js';
import { startConsole } from './server.js';

const USAGE = `Runs JavaScript in the sandbox of a console server, and prints what it prints.

  npm run -s example -- run [file] [--url <url>]

  file         the program; without it, standard input
  --url <url>  a server that runs already, such as http://127.0.0.1:4870; without it, one is started for this run
  -h, --help   this text

The exit code is the program's; 1 when it was stopped or the server is not reached, 2 when the command is wrong.
`;

/** Something that the user can do better. */
class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`rxwire: ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof UsageError ? 2 : 1;
});

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, file, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command !== 'run' || rest.length > 0) throw new UsageError('expected: run [file] [--url <url>]; --help tells more');

  const given = values.url === undefined ? undefined : wireUrl(values.url);
  const code = await readProgram(file);
  if (given !== undefined) return run(given, code);

  const server = await startConsole({ port: 0, page: false });
  try {
    return await run(wireUrl(server.url), code);
  } finally {
    await server.close();
  }
}

async function run(url: string, code: string): Promise<number> {
  const wire = connect({
    link: webSocket(url),
    codec: msgpack(),
    delivery: 'at-least-once',
    reconnect: { initialInterval: 200, maxInterval: 2_000, maxRetries: 5 },
  });
  const interrupted$ = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'), fromEvent(process.stdout, 'error'));
  const names = newRun('cli');
  const stopped$ = interrupted$.pipe(tap(() => stopRun(wire, names)));
  const exitCode$ = execute(wire, code, names).pipe(tap(print), last(), map(exitCodeOf), takeUntil(stopped$));
  try {
    return await lastValueFrom(exitCode$, { defaultValue: 130 });
  } catch (error) {
    const { status, error: reason } = wire.state;
    throw status === 'error' ? new Error(`cannot reach ${url}: ${rootOf(reason)}`, { cause: error }) : error;
  } finally {
    await close(wire);
  }
}

function print(message: ExecutionMessage): void {
  for (const { data, stream = 'stdout' } of outputIn(message)) process[stream].write(data);
  if (message.type === 'execution.error') console.error(`rxwire: ${message.payload.error.message}`);
}

function exitCodeOf(message: ExecutionMessage): number {
  return message.type === 'execution.complete' ? (message.payload.data?.exitCode ?? 0) : 1;
}

/** What began it. */
function rootOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : rootOf(error.cause);
}

/** Drains, then waits for the end. */
async function close(wire: Wire): Promise<void> {
  const closed = lastValueFrom(wire.pipe(ignoreElements()), { defaultValue: undefined }).catch(() => undefined);
  wire.complete();
  await closed;
}

async function readProgram(file: string | undefined): Promise<string> {
  if (file === undefined) {
    if (process.stdin.isTTY) console.error('Type a program, then Ctrl+D.');
    return text(process.stdin);
  }
  return readFile(file, 'utf8').catch(() => {
    throw new UsageError(`cannot read ${file}`);
  });
}

/** @returns The WebSocket behind an http or ws address, which must be on this machine: programs travel unencrypted. */
function wireUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^(http|ws):$/.test(url.protocol)) throw new UsageError(`--url must be an http or ws address, got ${address}`);
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname))
    throw new UsageError(`--url must lead to this machine, got ${url.hostname}`);
  url.protocol = 'ws:';
  if (url.pathname === '/') url.pathname = '/wire';
  return url.href;
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { url: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0], { cause: error });
  }
}
