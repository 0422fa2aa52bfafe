import { lmdbOutbox } from '../../lib/node/lmdbOutbox.js';
import type { OutboxPlace } from '../support/outboxCases.js';
import { outboxContract } from '../support/outboxContract.js';
import { folder, tamper } from './folder.js';

describe('lmdbOutbox', () => {
  outboxContract(() => {
    const path = folder();
    return {
      store: () => lmdbOutbox({ path }),
      corrupt: (last) =>
        tamper(path, 'rxwire.batches', (database) => {
          for (const key of [...database.getKeys()] as [string, number, number][]) {
            if (key[1] + key[2] - 1 === last) database.putSync(key, Buffer.from('garbage'));
          }
        }),
      corruptHead: () => tamper(path, 'rxwire.heads', (database) => database.putSync('outbox', Buffer.from([0xc1, 0xff]))),
    } satisfies OutboxPlace;
  });
});
