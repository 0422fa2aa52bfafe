import { postgresMigration, postgresStore } from '../../../lib/stores/postgres/index.js';
import { ready, commonCases, corruptCases, corruptHeadCases, durableCases } from '../../support/outboxCases.js';
import { outboxContract } from '../../support/outboxContract.js';
import { ownerOf, type OutboxOwner } from '../../support/outboxOwner.js';
import { openPglite } from '../../support/pglite.js';
import { queueCases } from '../../support/queueCases.js';

describe('postgresStore', () => {
  let lite: Awaited<ReturnType<typeof openPglite>>;
  let places = 0;
  const stores: OutboxOwner[] = [];
  beforeAll(async () => {
    lite = await openPglite();
    await lite.db.exec(postgresMigration());
  }, 60_000);
  afterEach(() => stores.splice(0).forEach((store) => store.close()));
  afterAll(() => lite.db.close());
  /** The store of another process. */
  const open = () => postgresStore({ pool: lite.pool });
  const damage = (log: string, key: number) =>
    lite.db.query("update rxwire.entries set value = '\\xc1' where log = $1 and key = $2", [log, key]).then(() => undefined);

  describe('its outboxes', () => {
    outboxContract(
      () => {
        const name = `client ${places++}`;
        return {
          pid: name,
          store: () => {
            const store = ownerOf(open().outbox(name));
            stores.push(store);
            return store;
          },
          corrupt: (last) => damage(`outbox ${name}`, last),
          corruptHead: () =>
            lite.db
              .query("update rxwire.logs set head = '\\xc1', version = version + 1 where name = $1", [`outbox ${name}`])
              .then(() => undefined),
        };
      },
      { ...commonCases, ...durableCases, ...corruptCases, ...corruptHeadCases },
    );
  });

  describe('its queues', () => {
    it.each(Object.entries(queueCases))('%s', async (_, check) => {
      const name = `orders ${places++}`;
      await check({ log: () => open().queue(name), corrupt: (place) => damage(`queue ${name}`, place) });
    });
  });

  it('has results', async () => {
    await ready(open().results.put('order 7', { total: 42 }));
    expect([await ready(open().results.get('order 7')), await ready(open().results.get('order 8'))]).toEqual([{ total: 42 }, undefined]);
  });
});
