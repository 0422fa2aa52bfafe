import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { webSocket } from '../../../lib/io/webSocket.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { postgresMigration } from '../../../lib/stores/postgres/index.js';
import { connect } from '../../../lib/wire/connect.js';
import { bundle } from '../../chaos/bundle.js';
import { describeWith } from '../../support/debian.js';
import { freePort } from '../../support/freePort.js';
import { startPostgres } from '../../support/postgresServer.js';

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** So many in `npm test`; `KILLS=100` for the whole hundred. */
const KILLS = Number(process.env['KILLS'] ?? 20);
/** Messages that wait for their acks at any time. */
const OPEN = 3;

describeWith('postgresql', 'A server that is killed between an effect and its ack', (program) => {
  it('stores each effect once, though the server is killed again and again', async () => {
    const postgres = await startPostgres(program);
    const pool = postgres.pool();
    for (const text of [...postgresMigration().split(';'), 'create table effects (name text)']) if (text.trim()) await pool.query(text);
    const port = await freePort();
    const start = async (kill: number): Promise<Child> => {
      const args = [bundle('spec/stores/postgres/killedServer.ts'), postgres.host, String(port), kill % 4 === 3 ? 'before' : 'after'];
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      return child;
    };
    const wire = connect({
      link: webSocket(`ws://127.0.0.1:${port}/wire`),
      delivery: 'exactly-once',
      reconnect: { initialInterval: 5, maxInterval: 20 },
    });
    const sent: string[] = [];
    const acked: string[] = [];
    let isOver = false;
    const send = async (): Promise<void> => {
      while (!isOver) {
        const id = `message ${sent.length}`;
        sent.push(id);
        await wire.send(createMessage('test.effect', null, { id }));
        acked.push(id);
      }
    };
    const sending = Array.from({ length: OPEN }, send);

    let next = start(0);
    for (let kill = 0; kill < KILLS; kill++) {
      const child = await next;
      const exit = once(child, 'exit') as Promise<[number | null, string]>;
      child.stdin.write('listen');
      // The next one is loaded meanwhile.
      next = start(kill + 1);
      expect((await exit)[1]).toBe('SIGKILL');
    }
    (await next).kill('SIGKILL');

    const { rows } = await pool.query<{ name: string }>('select name from effects');
    const stored = rows.map(({ name }) => name);
    expect([...new Set(stored)]).toHaveLength(stored.length);
    expect(acked.filter((id) => !stored.includes(id))).toEqual([]);
    // Each kill after a commit has stored an effect, and the server was killed before its ack.
    expect(stored.length).toBeGreaterThanOrEqual((KILLS * 3) / 4);
    isOver = true;
    wire.unsubscribe();
    await Promise.allSettled(sending);
    await postgres.close();
  }, 600_000);
});
