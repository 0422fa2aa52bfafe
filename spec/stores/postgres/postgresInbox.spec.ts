import { firstValueFrom, of, toArray } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import {
  postgresStore,
  postgresMigration,
  type PostgresClient,
  type PostgresPool,
  type PostgresTransaction,
} from '../../../lib/stores/postgres/index.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { leaseOf } from '../../support/inboxes.js';
import { ready } from '../../support/outboxCases.js';
import { openPglite } from '../../support/pglite.js';
import { pair } from '../../support/sessionPair.js';
import { cursor, inboxContract, put } from './inboxContract.js';

describe('postgresStore on PGlite', () => {
  let lite: Awaited<ReturnType<typeof openPglite>>;
  beforeAll(async () => void (lite = await openPglite()), 60_000);
  afterAll(() => lite.db.close());
  inboxContract(() => lite.pool);

  it('uses the tables of its schema', async () => {
    await lite.db.exec(postgresMigration('Other_1'));
    await ready(postgresStore({ pool: lite.pool, schema: 'Other_1' }).inbox.commit(leaseOf('ann'), cursor(1), []));
    expect((await lite.db.query('select name from "Other_1".logs')).rows).toEqual([{ name: 'sender ann' }]);
  });

  it('stores a dead letter for a message whose statement fails after its retries, and continues the session', async () => {
    const inbox = postgresStore({ pool: lite.pool }).inbox;
    const { wire, close } = pair({
      server: { inbox },
      onServerWire: (there) => {
        const effect = (transaction: PostgresTransaction, { id }: Message): void => put(id)(transaction);
        there.pipe(consume(() => undefined, { effect, retry: { maxRetries: 1, initialInterval: 1 } })).subscribe();
      },
    });
    await lite.db.query("insert into effects (name) values ('b')");
    await Promise.all(['a', 'b', 'c'].map((id) => wire.send(createMessage('test.effect', null, { id }))));
    expect((await lite.db.query('select name from effects order by name')).rows).toEqual([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    const letters = await firstValueFrom(inbox.deadLetters.list().pipe(toArray()));
    expect(letters).toMatchObject([{ message: { id: 'b' }, reason: '23505', attempts: 2 }]);
    close();
  });

  it('fails where the tables do not exist', async () => {
    const commit = ready(postgresStore({ pool: lite.pool, schema: 'nowhere' }).inbox.commit(leaseOf('ann'), cursor(1), []));
    await expect(commit).rejects.toMatchObject({ code: 'ERR_STORE', fault: 'failed', cause: { code: '42P01' } });
  });
});

describe('postgresStore', () => {
  const pool: PostgresPool = { connect: () => Promise.reject(new Error('no server')) };

  it.each(['maxConnections', 'maxPending', 'timeout', 'maxDeadLetters'])('rejects a %s that is not positive when called', (option) => {
    expect(() => postgresStore({ pool, [option]: 0 }).inbox).toThrow(new RangeError(`postgresStore: "${option}" must be > 0, got 0`));
  });

  it.each(['idleTimeout', 'lockTimeout'])('rejects a %s that PostgreSQL cannot have when called', (option) => {
    for (const value of [0, 0.5, Infinity])
      expect(() => postgresStore({ pool, [option]: value }).inbox).toThrow(
        new RangeError(`postgresStore: "${option}" must be a whole number from 1 to 2147483647, got ${value}`),
      );
  });

  it('rejects an option that does not exist', () => {
    expect(() => postgresStore({ pool, maxConnection: 1 } as never).inbox).toThrow('did you mean "maxConnections"?');
  });

  it.each(['', 'a"b', 'a.b', 'ä', '1a', 'x'.repeat(64), 'a; drop table b'])('rejects the schema %j', (schema) => {
    expect(() => postgresStore({ pool, schema }).inbox).toThrow(TypeError);
    expect(() => postgresMigration(schema)).toThrow(TypeError);
  });

  it('delivers the failure of a pool that has no connection', async () => {
    const inbox = postgresStore({ pool }).inbox;
    const failed = { code: 'ERR_STORE', store: 'postgres', fault: 'failed', cause: new Error('no server') };
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), []))).rejects.toMatchObject(failed);
    await expect(ready(inbox.claim('ann', () => undefined))).rejects.toMatchObject(failed);
    await expect(ready(inbox.deadLetters.count())).rejects.toMatchObject(failed);
  });

  it('gives up a server that does not respond, closes the connection, and releases one that arrives later', async () => {
    const released: unknown[] = [];
    const silent: PostgresClient = { query: () => new Promise(() => undefined), release: (destroy) => void released.push(destroy) };
    const timedOut = { code: 'ERR_STORE', fault: 'failed', cause: { message: 'the transaction has taken longer than 20 ms' } };
    await expect(
      ready(postgresStore({ pool: { connect: () => Promise.resolve(silent) }, timeout: 20 }).inbox.commit(leaseOf('ann'), cursor(1), [])),
    ).rejects.toMatchObject(timedOut);
    expect(released).toEqual([true]);

    let connected: (client: PostgresClient) => void = () => undefined;
    const slow: PostgresPool = { connect: () => new Promise((resolve) => (connected = resolve)) };
    await expect(ready(postgresStore({ pool: slow, timeout: 20 }).inbox.commit(leaseOf('ann'), cursor(1), []))).rejects.toMatchObject(
      timedOut,
    );
    connected(silent);
    await ready(of(undefined));
    expect(released).toEqual([true, undefined]);
  });
});
