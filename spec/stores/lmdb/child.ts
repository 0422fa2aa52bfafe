/** A process over the folder in argv, for the tests of what others of its kind do to it: tsx child.ts job folder. */
import { once } from 'node:events';
import { lmdbChannelLog, lmdbOutbox, lmdbStore, type LmdbTransaction } from '../../../lib/adapters/node/index.js';
import { batch, faultOf, ready } from '../../support/outboxCases.js';
import { ownerOf } from '../../support/outboxOwner.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';
import { note } from '../../support/rooms.js';

const [job = '', path = ''] = process.argv.slice(2);
const say = (...words: unknown[]): boolean => process.stdout.write(`${words.join(' ')}\n`);

const jobs: Readonly<Record<string, () => Promise<void>>> = {
  /** Three senders at once, each going on where its cursor is: one message, one effect. Says what is answered. */
  async receive() {
    const { inbox, table } = lmdbStore({ path });
    const effects = table<number>('effects');
    const run = async (pid: string): Promise<never> => {
      for (let next = ((await ready(recordOf(inbox, pid)))?.cursor.done ?? 0) + 1; ; next++) {
        const effect = (transaction: LmdbTransaction): void =>
          transaction.put(effects, [pid, next], (transaction.get(effects, [pid, next]) ?? 0) + 1);
        await ready(inbox.commit(leaseOf(pid), { done: next, finished: [] }, [{ effect }]));
        say(pid, next);
      }
    };
    await Promise.all(['ann', 'ben', 'cid'].map(run));
  },

  /** Appends batches of three, and trims all but the last ten messages. Says what is answered. */
  async send() {
    const outbox = ownerOf(lmdbOutbox({ path }));
    let { last } = await ready(outbox.open());
    for (;;) {
      await ready(outbox.add([batch(last + 1, 3)]));
      last += 3;
      say('appended', last);
      await ready(outbox.ack(last - 10));
      say('trimmed', last - 10);
    }
  },

  /** Appends to two channels, eight messages at once to each. Says the offsets that are answered. */
  async publish() {
    const log = lmdbChannelLog({ path });
    const run = async (channel: string, writer: number): Promise<never> => {
      for (let count = 0; ; count++) {
        const { offset } = await ready(log.append(channel, note([writer, count])));
        say(channel, offset, writer, count);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, writer) => run(writer % 2 ? 'odd' : 'even', writer)));
  },

  /** Becomes the owner of the outbox, says so, and appends once more when it is told anything. */
  async own() {
    const outbox = ownerOf(lmdbOutbox({ path }));
    const { epoch, last } = await ready(outbox.open());
    say('owner', epoch);
    await once(process.stdin, 'data');
    say('appended', await faultOf(() => outbox.add([batch(last + 1)])));
    process.exit();
  },

  /** Appends until there is no more room on the disk; then makes some, and appends again. Says how that went. */
  async fill() {
    // eslint-disable-next-line no-console -- LMDB prints each failure
    console.error = () => undefined;
    const outbox = ownerOf(lmdbOutbox({ path }));
    await ready(outbox.open());
    let last = 0;
    let fault: unknown;
    while (last < 100 && fault === undefined) fault = await faultOf(() => outbox.add([batch(++last, 1, 'x'.repeat(50_000))]));
    say('full', last, fault);
    say('trimmed', await faultOf(() => outbox.ack(last - 1)));
    say('appended', await faultOf(() => outbox.add([batch(last)])));
    outbox.close();
  },

  /** Appends to a channel until there is no more room on the disk; then once more, with little. Says how that went. */
  async fillChannel() {
    // eslint-disable-next-line no-console -- LMDB prints each failure
    console.error = () => undefined;
    const log = lmdbChannelLog({ path });
    let stored = 0;
    let fault: unknown;
    while (stored < 100 && fault === undefined) {
      fault = await faultOf(() => log.append('a', note('x'.repeat(50_000))));
      if (fault === undefined) stored++;
    }
    say('full', stored, fault);
    log.retain('a', { messages: 1 });
    say('appended', await faultOf(() => log.append('a', note('small'))));
    log.close();
  },
};

await jobs[job]?.();
