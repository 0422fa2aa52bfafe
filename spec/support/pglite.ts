import { PGlite } from '@electric-sql/pglite';
import type { PostgresClient, PostgresPool } from '../../lib/stores/postgres/index.js';

/** An embedded PostgreSQL in memory. It has one session, which its pool lends to one borrower at a time. */
export async function openPglite() {
  const db = await PGlite.create();
  let last: Promise<unknown> = Promise.resolve();
  const connect = (): Promise<PostgresClient> => {
    let end: () => void = () => undefined;
    const isOver = new Promise<void>((resolve) => (end = resolve));
    const turn = last;
    last = turn.then(() => isOver);
    return turn.then(() => ({
      query: ({ text, values }) => db.query(text, values),
      // A connection that is closed rolls back its transaction.
      release: (destroy) => {
        if (destroy) db.query('rollback').then(end, end);
        else end();
      },
    }));
  };
  const pool: PostgresPool = { connect };
  return { db, pool };
}
