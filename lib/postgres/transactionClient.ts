import { firstValueFrom, mergeMap, noop, raceWith, from, type Observable } from 'rxjs';
import { after } from '../internal/after.js';
import type { PostgresClient, PostgresSettings } from './postgresOptions.js';

/** A connection that is lent for some transactions. */
export interface TransactionClient {
  /**
   * Sends a statement after those before it. Resolves to its rows. Behind a statement that has
   * failed, it fails, too.
   */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;
  /** Ends the transaction without a commit. Fails if the connection is lost. */
  readonly rollback: () => Promise<void>;
}

/**
 * Lends a connection to `work`, and returns it to the pool after that. A connection whose work has
 * failed or takes too long is closed: its transaction is rolled back by the server. Rejects with
 * the failure.
 */
export function withConnection(
  { pool, timeout, scheduler }: PostgresSettings,
  work: (client: TransactionClient) => Promise<void>,
): Promise<void> {
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
  const run = async (): Promise<void> => {
    const client = await pool.connect();
    if (isOver) {
      client.release();
      return;
    }
    lent = client;
    // Without a listener, the loss of a connection between two statements would end the process.
    // The next statement fails anyway.
    client.on?.('error', noop);
    const send = async (text: string, values: readonly unknown[]): Promise<readonly unknown[]> => {
      if (isOver) throw new Error('the transaction has ended');
      return (await client.query({ text, values: [...values], queryMode: 'extended' })).rows;
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
    await work({ query, rollback });
  };
  const tooLate$: Observable<never> = after(timeout, scheduler).pipe(
    mergeMap(() => {
      throw new Error(`the transaction has taken longer than ${timeout} ms`);
    }),
  );
  return firstValueFrom(from(run()).pipe(raceWith(tooLate$))).then(
    () => giveBack(false),
    (reason: unknown) => {
      giveBack(true);
      throw reason;
    },
  );
}
