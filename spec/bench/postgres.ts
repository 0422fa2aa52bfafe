import { setTimeout as delay } from 'node:timers/promises';
import { firstValueFrom, type Observable } from 'rxjs';
import { postgresStore, postgresMigration, type PostgresTransaction } from '../../lib/stores/postgres/index.js';
import { pathOf } from '../support/debian.js';
import { leaseOf } from '../support/inboxes.js';
import { startPostgres } from '../support/postgresServer.js';
import { median, perSecond, type Result, type Suite } from './bench.js';

const ROUNDS = 9;
/** Commits of each sender in a round. */
const COMMITS = 40;

interface Row {
  readonly name: string;
  /** Commits a second. */
  readonly goal: number;
  /** @default 256 */
  readonly senders?: number;
  /** The pause of a sender between two messages, in ms. @default none */
  readonly pauseOf?: (sender: number, done: number) => number;
  /** The effect of a message of a sender. */
  readonly effectOf?: (sender: number, done: number) => (transaction: PostgresTransaction) => void;
  readonly options?: object;
}

const insert =
  () =>
  (transaction: PostgresTransaction): void =>
    transaction.query('insert into effects (payload) values ($1)', ['x'.repeat(100)]);
/** The rows that the messages of all senders change. */
const SHARED_ROWS = 3;
const update =
  (sender: number, done: number) =>
  (transaction: PostgresTransaction): void =>
    transaction.query('update counters set count = count + 1 where id = $1', [(sender + done) % SHARED_ROWS]);

/** A server with a message of each of its senders on its way. The PostgreSQL runs beside it, with the settings that it has when it is installed. */
async function committed({ name, goal, senders = 256, pauseOf, effectOf, options = {} }: Row): Promise<Result> {
  const server = await startPostgres(pathOf('postgresql'));
  const pool = server.pool(options);
  for (const text of postgresMigration().split(';')) if (text.trim()) await pool.query(text);
  await pool.query('create table effects (place bigint generated always as identity, payload text)');
  await pool.query('create table counters as select id, 0 as count from generate_series(0, $1) as ids (id)', [SHARED_ROWS - 1]);
  const inbox = postgresStore({ pool }).inbox;
  let last = 0;

  const send = async (sender: number): Promise<void> => {
    const pid = `sender ${sender}`;
    for (let done = last + 1; done <= last + COMMITS; done++) {
      if (pauseOf) await delay(pauseOf(sender, done));
      const completions = [effectOf ? { effect: effectOf(sender, done) } : {}];
      await firstValueFrom(inbox.commit(leaseOf(pid), { done, finished: [] }, completions) as Observable<void>);
    }
  };
  const round = async (): Promise<number> => {
    const start = performance.now();
    await Promise.all(Array.from({ length: senders }, (_, sender) => send(sender)));
    last += COMMITS;
    return (1_000 * senders * COMMITS) / (performance.now() - start);
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
  () => committed({ name: 'with one statement each', goal: 8_000, effectOf: insert }),
  () => committed({ name: 'with one statement each, pipeline', goal: 8_000, effectOf: insert, options: { pipeline: true } }),
  // Messages of clients do not arrive at the same time.
  () =>
    committed({
      name: `64 senders, ${SHARED_ROWS} rows`,
      goal: 1_500,
      senders: 64,
      pauseOf: (sender, done) => (sender + done) % 4,
      effectOf: update,
    }),
];
