import { Pool } from 'pg';
import { firstValueFrom } from 'rxjs';
import { createMessage } from '../../../lib/index.js';
import { postgresChannelLog } from '../../../lib/stores/postgres/index.js';

/**
 * A server that appends messages until it is killed: node killedPublisher.mjs <folder of the socket> <name> <number of the first message>. Says the number and the offset of
 * each message that is stored.
 */
const [, , host = '', name = '', first = ''] = process.argv;
const log = postgresChannelLog({ pool: new Pool({ host, user: 'postgres', database: 'postgres' }) });
let next = Number(first);
const publish = async (): Promise<never> => {
  for (;;) {
    const index = next++;
    const { offset } = await firstValueFrom(log.append('a', createMessage('test.note', index, { id: `${name} ${index}`, source: name })));
    process.stdout.write(`${index} ${offset}\n`);
  }
};
await Promise.all(Array.from({ length: 20 }, publish));
