import { firstValueFrom, type Observable } from 'rxjs';
import { sqlLogs, type DurableObjectStorage, type SqlStorage } from '../../../lib/stores/durableobject/durableObjectStore.js';
import type { StoreTransaction } from '../../../lib/stores/store.js';
import { storeCases, type StoreCase } from '../../support/storeCases.js';

/** `npm run runtimes` runs these cases in a Durable Object, each in one of its own, and expects no text in return. */
const cases = (storage: DurableObjectStorage): Readonly<Record<string, StoreCase>> => ({
  ...storeCases,

  'rolls back an effect that throws, and delivers its exception': async ({ log }) => {
    storage.sql.exec('create table effects (number integer)');
    const store = sqlLogs(storage, 1_000);
    const boom = new Error('boom');
    const work = (transaction: StoreTransaction<SqlStorage>): void => {
      transaction.change(log, { head: 1 });
      transaction.perform((sql) => {
        sql.exec('insert into effects values (1)');
        throw boom;
      });
    };
    const transacted$ = store.transact(log, work) as Observable<void>;
    const reason = await firstValueFrom(transacted$).then(
      () => undefined,
      (error: unknown) => error,
    );
    const rows = storage.sql.exec('select * from effects').toArray();
    const { head } = store.read(log) as { readonly head: unknown };
    if (reason !== boom || rows.length > 0 || head !== undefined)
      throw new Error(`${String(reason)}, ${rows.length} rows, ${String(head)}`);
  },

  'removes the logs of silent peers when it is opened, and no dead letters': async () => {
    const write = (log: string): Promise<unknown> =>
      firstValueFrom(
        sqlLogs(storage, 1e9).transact(log, (one) => one.change(log, { head: 1, put: [{ value: 1 }] })) as Observable<unknown>,
      );
    const logs = ['outbox a', 'sender a', 'result a', 'dead letters'];
    for (const log of logs) await write(log);
    storage.sql.exec('update rxwire_logs set used_at = used_at - 20');
    await write('outbox b');
    const left = (ttl: number): readonly string[] =>
      logs.concat('outbox b').filter((log) => (sqlLogs(storage, ttl).count(log) as number) > 0);
    const [before, after] = [left(30_000), left(10_000)];
    if (before.length !== 5 || after.join() !== 'dead letters,outbox b') throw new Error(`${before.join()}; ${after.join()}`);
  },
});

/** A Durable Object that runs the case of the path of a request. */
export class Wires {
  readonly #storage: DurableObjectStorage;

  constructor({ storage }: { readonly storage: DurableObjectStorage }) {
    this.#storage = storage;
  }

  async fetch({ url }: Request): Promise<Response> {
    const titles = Object.keys(cases(this.#storage));
    const title = titles[Number(new URL(url).pathname.slice(1))];
    if (title === undefined) return Response.json(titles);
    try {
      await cases(this.#storage)[title]?.({ log: 'outbox a', open: () => sqlLogs(this.#storage, 1e9) });
      return new Response('');
    } catch (error) {
      return new Response(String(error));
    }
  }
}

interface Env {
  readonly WIRES: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } };
}

const worker = { fetch: (request: Request, { WIRES }: Env) => WIRES.get(WIRES.idFromName(request.url)).fetch(request) };
// eslint-disable-next-line no-restricted-exports -- Cloudflare calls the default export
export { worker as default };
