import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './freePort.js';

/** A real proxy in front of a port. */
export interface RunningProxy {
  readonly port: number;
  /** The errors that the proxy has printed. */
  readonly complaints: () => string;
  /** Lets the proxy read its configuration again. */
  readonly reload: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Changes a configuration of docs/examples. */
type Change = (config: string) => string;

export type StartProxy = (program: string, target: number, change?: Change) => Promise<RunningProxy>;

const asIs: Change = (config) => config;

/** The time in which a proxy applies a configuration, in ms. */
const SETTLING = 200;

/**
 * Writes a file of docs/examples for other ports, and runs a program with this file.
 *
 * @param signal Lets the program read the file again; without one, the program is restarted.
 */
async function startProxy(
  program: string,
  example: string,
  target: number,
  change: Change,
  argsOf: (folder: string, file: string) => readonly string[],
  signal?: NodeJS.Signals,
): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-proxy-'));
  const port = await freePort();
  const config = change(readFileSync(`docs/examples/${example}`, 'utf8'))
    .replace('127.0.0.1:4870', `127.0.0.1:${target}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replaceAll('FOLDER', folder);
  const file = join(folder, example);
  writeFileSync(file, config);
  let complaints = '';
  const start = async () => {
    const started = spawn(program, argsOf(folder, file), { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } });
    started.stderr.on('data', (text) => (complaints += String(text)));
    await listening(port, () => (started.exitCode === null ? undefined : complaints));
    return started;
  };
  let child = await start();
  const stop = async (): Promise<void> => {
    // Ctrl+C in a terminal reaches the program, too.
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  };
  return {
    port,
    complaints: () => complaints,
    async reload() {
      if (signal) {
        child.kill(signal);
        await sleep(SETTLING);
      } else {
        await stop();
        child = await start();
      }
    },
    async close() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A real nginx in front of a port, as docs/examples/nginx.conf has it; `change` makes it another. */
export const startNginx: StartProxy = (program, target, change = asIs) => {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path FOLDER/${name};`).join('\n');
  // Started by root, it would become nobody, who may not write there.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const complete: Change = (servers) =>
    `${user} daemon off; pid FOLDER/pid; error_log stderr crit; worker_processes 1; events { worker_connections 256; }
    http { access_log off; ${temporary} ${change(servers)} }`;
  return startProxy(program, 'nginx.conf', target, complete, (folder, file) => ['-e', 'stderr', '-p', folder, '-c', file], 'SIGHUP');
};

/** A real HAProxy: its master process starts a worker for each configuration. */
export const startHaproxy: StartProxy = (program, target, change = asIs) =>
  startProxy(program, 'haproxy.cfg', target, change, (_, file) => ['-W', '-db', '-q', '-f', file], 'SIGUSR2');

/** A real Caddy. It is restarted, because version 2.6 of Debian crashes when it reloads while a response is open. */
export const startCaddy: StartProxy = (program, target, change = asIs) =>
  startProxy(
    program,
    'Caddyfile',
    target,
    (config) => `{\n\tadmin off\n\tgrace_period 100ms\n}\n${change(config)}`,
    (_, file) => ['run', '--config', file, '--adapter', 'caddyfile'],
  );

/** Resolves once somebody listens; nobody tells when that is. */
async function listening(port: number, hasFailed: () => string | undefined): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
    socket.destroy();
    if (isOpen) return;
    const failure = hasFailed();
    if (failure !== undefined) throw new Error(`the proxy has not started: ${failure}`);
    await sleep(10);
  }
}
