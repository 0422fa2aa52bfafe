import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './freePort.js';

const CONFIG = readFileSync('docs/examples/nginx.conf', 'utf8');

/** A real nginx in front of a port, as docs/examples/nginx.conf has it; `change` makes it another. */
export async function startNginx(program: string, target: number, change: (config: string) => string = (config) => config) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-nginx-'));
  const port = await freePort();
  const servers = change(CONFIG)
    .replace('127.0.0.1:4870', `127.0.0.1:${target}`)
    .replace('listen 127.0.0.1:8080', `listen 127.0.0.1:${port}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
  // Started by root, it would become nobody, who may not write there.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const config = `${user} daemon off; pid ${folder}/pid; error_log stderr crit; worker_processes 1; events { worker_connections 256; }
    http { access_log off; ${temporary} ${servers} }`;
  writeFileSync(join(folder, 'nginx.conf'), config);

  const child = spawn(program, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => (complaints += String(text)));
  await listening(port, () => (child.exitCode === null ? undefined : complaints));
  return {
    port,
    /** What it has complained of. */
    complaints: (): string => complaints,
    close: async (): Promise<void> => {
      // Ctrl+C in a terminal reaches it, too.
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill('SIGTERM');
        await exit;
      }
      rmSync(folder, { recursive: true });
    },
  };
}

/** Resolves once somebody listens; nobody tells when that is. */
async function listening(port: number, hasFailed: () => string | undefined): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
    socket.destroy();
    if (isOpen) return;
    const failure = hasFailed();
    if (failure !== undefined) throw new Error(`nginx has not started: ${failure}`);
    await sleep(10);
  }
}
