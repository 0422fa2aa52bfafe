import { Packr } from 'msgpackr';
import { asyncScheduler } from 'rxjs';
import { lmdbLogs } from '../../lib/stores/lmdb/lmdbLogs.js';
import type { NatsConnection } from '../../lib/stores/nats/index.js';
import { createNatsContext } from '../../lib/stores/nats/natsContext.js';
import { natsStore } from '../../lib/stores/nats/natsStore.js';
import { createNatsStream } from '../../lib/stores/nats/natsStream.js';
import { createSubjectStore } from '../../lib/stores/nats/subjectStore.js';
import { postgresMigration } from '../../lib/stores/postgres/index.js';
import { postgresSettingsOf } from '../../lib/stores/postgres/postgresOptions.js';
import { logsIn } from '../../lib/stores/postgres/postgresStore.js';
import { webStore } from '../../lib/stores/web/webStorageOutbox.js';
import { folder } from './lmdb/folder.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';
import { ready } from '../support/outboxCases.js';
import { openPglite } from '../support/pglite.js';
import { startPostgres, type PostgresServer } from '../support/postgresServer.js';
import { oneLogCases, storeCases, type StorePlace } from '../support/storeCases.js';
import { fakeStorage } from './fakeStorage.js';

let logs = 0;
const nameOf = (): string => `queue ${logs++}`;
const contract = (placeOf: () => StorePlace, cases = storeCases): void =>
  it.each(Object.entries(cases))('%s', (_, check) => check(placeOf()));

describe('a store in web storage', () => {
  contract(() => {
    const storage = fakeStorage();
    return { log: 'a', open: () => webStore(storage, 'a') };
  }, oneLogCases);
});

describe('a store in LMDB', () => {
  contract(() => {
    return { log: nameOf(), open: lmdbLogs(folder(), {}, asyncScheduler) };
  });
});

describe('a store in PGlite', () => {
  let lite: Awaited<ReturnType<typeof openPglite>>;
  beforeAll(async () => {
    lite = await openPglite();
    await lite.db.exec(postgresMigration());
  }, 60_000);
  afterAll(() => lite.db.close());
  contract(() => ({ log: nameOf(), open: () => logsIn(postgresSettingsOf({ pool: lite.pool })) }));

  it('is refused where an earlier version has written its tables', async () => {
    await lite.db.exec('create schema other; create table other.dead_letters (id int)');
    await expect(lite.db.exec(postgresMigration('other'))).rejects.toThrow(
      'an earlier version of rxwire has written the tables of the schema other: drop them',
    );
  });
});

describeWith('postgresql', 'a store in PostgreSQL', (program) => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(program);
    await server.pool().query(postgresMigration());
  }, 60_000);
  afterAll(() => server.close());
  contract(() => ({ log: nameOf(), open: () => logsIn(postgresSettingsOf({ pool: server.pool() })) }));
});

describeWith('nats-server', 'a store in JetStream', (program) => {
  let nats: Nats;
  let connection: NatsConnection;
  beforeAll(async () => {
    nats = await startNats(program);
    connection = await nats.connect();
  });
  afterAll(() => nats.close());
  const open = () => {
    const context = createNatsContext({ connection, replicas: 1, storage: 'file', timeout: 5_000, scheduler: asyncScheduler });
    const limits = { maxMessages: Infinity, maxBytes: Infinity, maxAge: Infinity };
    const stream = createNatsStream(context, { name: 'queues', subjects: ['queue.*'], discard: 'new', ...limits });
    return natsStore(context, { queue: { store: createSubjectStore(stream, context, 'queue.') } });
  };
  contract(() => ({ log: nameOf(), open }));

  it('is refused where an earlier version has written its streams', async () => {
    const store = open();
    await ready(store.transact('queue old', (transaction) => transaction.change('queue old', { head: 1 })));
    const data = new Packr({ useRecords: false }).pack(['w', 0, true, { pid: 'p' }, new Uint8Array()]);
    await connection.request('queue.old', data, { timeout: 1_000 });
    await expect(ready(store.read('queue old'))).rejects.toMatchObject({
      code: 'ERR_STORE',
      cause: { message: 'an earlier version of rxwire has written the streams of this name: delete them' },
    });
  });
});
