import { firstValueFrom, type Observable } from 'rxjs';
import { postgresInbox, postgresMigration, type PostgresTransaction } from '../../lib/postgres/index.js';
import { pathOf } from '../support/debian.js';
import { leaseOf } from '../support/inboxes.js';
import { startPostgres } from '../support/postgresServer.js';
import { median, perSecond, type Result, type Suite } from './bench.js';

const ROUNDS = 9;
const SENDERS = 256;
/** Commits of each sender in a round. */
const COMMITS = 40;

interface Row {
  readonly name: string;
  /** Commits a second. */
  readonly goal: number;
  readonly effect?: (transaction: PostgresTransaction) => void;
  readonly options?: object;
}

const insert = (transaction: PostgresTransaction): void =>
  transaction.query('insert into effects (payload) values ($1)', ['x'.repeat(100)]);

/** A server with a message of each of its senders on its way. The PostgreSQL runs beside it, with the settings that it has when it is installed. */
async function committed({ name, goal, effect, options = {} }: Row): Promise<Result> {
  const server = await startPostgres(pathOf('postgresql'));
  const pool = server.pool(options);
  for (const text of postgresMigration().split(';')) if (text.trim()) await pool.query(text);
  await pool.query('create table effects (place bigint generated always as identity, payload text)');
  const inbox = postgresInbox({ pool });
  const completions = effect ? [{ effect }] : [{}];
  let last = 0;

  const send = async (pid: string): Promise<void> => {
    for (let done = last + 1; done <= last + COMMITS; done++)
      await firstValueFrom(inbox.commit(leaseOf(pid), { done, finished: [] }, completions) as Observable<void>);
  };
  const round = async (): Promise<number> => {
    const start = performance.now();
    await Promise.all(Array.from({ length: SENDERS }, (_, index) => send(`sender ${index}`)));
    last += COMMITS;
    return (1_000 * SENDERS * COMMITS) / (performance.now() - start);
  };
  await round();
  const rates: number[] = [];
  for (let index = 0; index < ROUNDS; index++) rates.push(await round());
  await server.close();
  return {
    name,
    baseline: 'goal',
    ours: perSecond(median(rates)),
    theirs: perSecond(goal),
    ratio: median(rates) / goal,
    min: Math.min(...rates) / goal,
    max: Math.max(...rates) / goal,
    goal: 1,
  };
}

export const suite: Suite = [
  () => committed({ name: 'commits of 256 senders', goal: 20_000 }),
  () => committed({ name: 'with one statement each', goal: 8_000, effect: insert }),
  () => committed({ name: 'with one statement each, pipeline', goal: 8_000, effect: insert, options: { pipeline: true } }),
];
