import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, type Observable } from 'rxjs';
import { lmdbOutbox, lmdbStore, type LmdbTransaction } from '../../lib/adapters/node/index.js';
import type { Result, Suite } from './bench.js';
import { compareWays, type Way } from './ways.js';
import { leaseOf } from '../support/inboxes.js';
import { ownerOf } from '../support/outboxOwner.js';

const PAYLOAD = 'x'.repeat(100);

/** On the disk that the repository is on: where temporary files go may be memory. */
export function makeFolder(): string {
  mkdirSync('.tmp', { recursive: true });
  return mkdtempSync(join('.tmp', 'bench-'));
}

/** The least that survives a power failure: each message is appended to a file, and flushed. */
export function flushPerMessage(): Way {
  const folder = makeFolder();
  const file = openSync(join(folder, 'log'), 'a');
  const messages = 300;
  return {
    messages,
    run: () => {
      for (let count = 0; count < messages; count++) {
        writeSync(file, PAYLOAD);
        fdatasyncSync(file);
      }
      return Promise.resolve();
    },
    end: () => {
      closeSync(file);
      rmSync(folder, { recursive: true });
    },
  };
}

/** What a session does: a batch at a time, while what was stored before is acked. */
async function outboxWith(size: number): Promise<Way> {
  const path = makeFolder();
  const outbox = ownerOf(lmdbOutbox({ path }));
  await firstValueFrom(outbox.open() as Observable<unknown>);
  const body = PAYLOAD.repeat(size);
  const appends = 60;
  let first = 1;
  return {
    messages: appends * size,
    run: async () => {
      for (let count = 0; count < appends; count++) {
        const append = outbox.add([{ first, count: size, body, level: 'exactly-once' }]) as Observable<void>;
        const trim = outbox.ack(first - 1) as Observable<void>;
        await Promise.all([firstValueFrom(append), firstValueFrom(trim)]);
        first += size;
      }
    },
    end: () => {
      outbox.close();
      rmSync(path, { recursive: true });
    },
  };
}

/** What a server does: one message of each of its clients is on its way, with its effect. */
function inboxOf(senders: number): Way {
  const path = makeFolder();
  const { inbox, table, close } = lmdbStore({ path });
  const effects = table<string>('effects');
  const messages = 30;
  let done = 0;
  return {
    messages: messages * senders,
    run: async () => {
      for (let count = 0; count < messages; count++) {
        done++;
        const commits = Array.from({ length: senders }, (_, sender) => {
          const pid = `sender ${sender}`;
          const effect = (transaction: LmdbTransaction): void => transaction.put(effects, pid, PAYLOAD);
          return firstValueFrom(inbox.commit(leaseOf(pid), { done, finished: [] }, [{ effect }]) as Observable<void>);
        });
        await Promise.all(commits);
      }
    },
    end: () => {
      close();
      rmSync(path, { recursive: true });
    },
  };
}

const compared = (name: string, ours: Way, theirs: Way, goal?: number): Promise<Result> =>
  compareWays({ name, baseline: 'one flush a message', ours, theirs, goal });

export const suite: Suite = [
  async () => compared('lmdbOutbox, batches of 64', await outboxWith(64), flushPerMessage()),
  async () => compared('lmdbOutbox, batches of 256', await outboxWith(256), flushPerMessage(), 15),
  () => compared('lmdbStore, inbox of 64 senders', inboxOf(64), flushPerMessage()),
];
