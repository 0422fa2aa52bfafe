import { firstValueFrom, mergeMap, noop, raceWith, from, type Observable } from 'rxjs';
import { longTimer } from '../../operators/timing/longTimer.js';
import type { PostgresClient, PostgresPool, PostgresSettings } from './postgresOptions.js';

/** A connection that is lent for some transactions. */
export interface TransactionClient {
  /** Sends a statement after those before it, and fails with them. Resolves to its rows. */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;
  /** Ends the transaction without a commit. Fails if the connection is lost. */
  readonly rollback: () => Promise<void>;
}

/**
 * Lends a connection to `work`, and returns it to the pool after that. A connection whose work has
 * failed or takes too long is closed: its transaction is rolled back by the server. Resolves to the
 * result, or rejects with the failure.
 */
export function withConnection<T>(
  { pool, timeout, scheduler }: Pick<PostgresSettings, 'pool' | 'timeout' | 'scheduler'>,
  work: (client: TransactionClient) => Promise<T>,
): Promise<T> {
  let lent: PostgresClient | undefined;
  let isOver = false;

  const giveBack = (hasFailed: boolean): void => {
    const client = lent;
    lent = undefined;
    isOver = true;
    // A client that is closed may still emit the loss of its connection: it keeps its listener.
    if (!hasFailed) client?.removeListener?.('error', noop);
    client?.release(hasFailed);
  };
  const run = async (): Promise<T> => {
    const client = await pool.connect();
    if (isOver) {
      client.release();
      throw new Error('the transaction has ended');
    }
    lent = client;
    // The pool may have opened the connection before the inbox was created.
    client.on?.('error', noop);
    const assertOpen = (): void => {
      if (isOver) throw new Error('the transaction has ended');
    };
    const send = async (text: string, values: readonly unknown[]): Promise<readonly unknown[]> => {
      assertOpen();
      const { rows } = await client.query({ text, values: [...values], queryMode: 'extended' });
      // The failure was delivered meanwhile: a later result must not change that.
      assertOpen();
      return rows;
    };
    let last: Promise<unknown> = Promise.resolve();
    const query: TransactionClient['query'] = (text, values = []) => {
      const rows = client.pipeline === true ? send(text, values) : last.then(() => send(text, values));
      last = rows;
      return rows;
    };
    const rollback = async (): Promise<void> => {
      await last.catch(noop);
      last = Promise.resolve();
      await query('rollback');
    };
    return await work({ query, rollback });
  };
  const tooLate$: Observable<never> = longTimer(timeout, scheduler).pipe(
    mergeMap(() => {
      throw new Error(`the transaction has taken longer than ${timeout} ms`);
    }),
  );
  return firstValueFrom(from(run()).pipe(raceWith(tooLate$))).then(
    (result) => {
      giveBack(false);
      return result;
    },
    (reason: unknown) => {
      giveBack(true);
      throw reason;
    },
  );
}

/**
 * Listens to the errors of each connection that the pool opens, from the start: without a listener,
 * a connection that is lost between two statements would end the process. A statement on it fails
 * anyway, and the pool removes it. Several calls have the effect of one.
 */
export function listenToLosses(pool: PostgresPool): void {
  pool.removeListener?.('connect', listenToLoss);
  pool.on?.('connect', listenToLoss);
  pool.removeListener?.('error', noop);
  pool.on?.('error', noop);
}

function listenToLoss(client: PostgresClient): void {
  client.on?.('error', noop);
}
