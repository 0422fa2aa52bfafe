import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Pool, type PoolConfig } from 'pg';

/** A real PostgreSQL in a folder of its own, on a Unix socket; and pools of it, which end with it. Its writes are flushed, as they are by default. */
export async function startPostgres(program: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-postgres-'));
  const data = join(folder, 'data');
  const pools: Pool[] = [];
  giveAway(folder);
  const initdb = asUser(join(dirname(program), 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C']);
  execFileSync(initdb.command, initdb.args, { stdio: 'ignore', cwd: folder });
  let child = await run(program, folder, data);
  const stop = async (signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
    const exit = once(child, 'exit');
    execFileSync('kill', [`-${signal.slice(3)}`, String(pidOf(data))]);
    await exit;
  };
  return {
    /** Where clients connect: the folder of the socket. */
    host: folder,
    /** A pool of connections. The loss of one that is not in use is expected. */
    pool(options: PoolConfig = {}): Pool {
      const pool = new Pool({ host: folder, user: 'postgres', database: 'postgres', ...options });
      pool.on('error', () => undefined);
      pools.push(pool);
      return pool;
    },
    /** Ends the server at once, without a checkpoint. */
    crash: (): Promise<void> => stop('SIGQUIT'),
    start: async (): Promise<void> => void (child = await run(program, folder, data)),
    async close(): Promise<void> {
      for (const pool of pools) if (!pool.ended) await pool.end();
      if (child.exitCode === null && child.signalCode === null) await stop('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>;

/** PostgreSQL refuses to run as root: then the user that Debian's package makes runs it. */
function asUser(program: string, args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
  return process.getuid?.() === 0 ? { command: 'runuser', args: ['-u', 'postgres', '--', program, ...args] } : { command: program, args };
}

function giveAway(folder: string): void {
  if (process.getuid?.() !== 0) return;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  chownSync(folder, idOf('-u'), idOf('-g'));
}

function pidOf(data: string): number {
  return Number(execFileSync('head', ['-n', '1', join(data, 'postmaster.pid')], { encoding: 'utf8' }));
}

/** Resolves when the server accepts connections. */
async function run(program: string, folder: string, data: string): Promise<ChildProcess> {
  const { command, args } = asUser(program, ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'lc_messages=C']);
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (!line.includes('ready to accept connections')) continue;
    child.stderr.resume();
    return child;
  }
  throw new Error(`PostgreSQL has not started: ${said.join('\n')}`);
}
