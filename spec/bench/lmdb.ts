import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, type Observable } from 'rxjs';
import { lmdbOutbox, lmdbStore, type LmdbTransaction } from '../../lib/node/index.js';
import { median, perSecond, type Result } from './bench.js';

/** Something that is stored for good, message by message or many at once. */
interface Way {
  /** Messages a run stores. */
  readonly messages: number;
  run(): Promise<void>;
  end(): void;
}

const ROUNDS = 9;
const PAYLOAD = 'x'.repeat(100);

/** On the disk that the repository is on: where temporary files go may be memory. */
function makeFolder(): string {
  mkdirSync('.tmp', { recursive: true });
  return mkdtempSync(join('.tmp', 'bench-'));
}

/** The least that survives a power failure: each message is appended to a file, and flushed. */
function flushPerMessage(): Way {
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
  const outbox = lmdbOutbox({ path });
  await firstValueFrom(outbox.open() as Observable<unknown>);
  const frame = PAYLOAD.repeat(size);
  const appends = 60;
  let first = 1;
  return {
    messages: appends * size,
    run: async () => {
      for (let count = 0; count < appends; count++) {
        const append = outbox.append([{ first, count: size, frame, delivery: 'exactly-once' }]) as Observable<void>;
        const trim = outbox.trim(first - 1) as Observable<void>;
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
          return firstValueFrom(inbox.commit(pid, { done, finished: [] }, [{ effect }]) as Observable<void>);
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

/** Runs both in turns, and compares within each round: what slows the disk down for a while slows down both. */
async function compare(name: string, ours: Way, theirs: Way, goal?: number): Promise<Result> {
  const rates: (readonly [ours: number, theirs: number])[] = [];
  await rateOf(ours); // the first run compiles, and the file grows
  for (let round = 0; round < ROUNDS; round++) rates.push([await rateOf(ours), await rateOf(theirs)]);
  ours.end();
  theirs.end();
  const ratios = rates.map(([our, their]) => our / their);
  return {
    name,
    baseline: 'one flush a message',
    ours: perSecond(median(rates.map(([rate]) => rate))),
    theirs: perSecond(median(rates.map(([, rate]) => rate))),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    ...(goal !== undefined && { goal }),
  };
}

/** Messages a second. */
async function rateOf({ messages, run }: Way): Promise<number> {
  const start = performance.now();
  await run();
  return (1_000 * messages) / (performance.now() - start);
}

export const suite: readonly (() => Promise<Result>)[] = [
  async () => compare('lmdbOutbox, batches of 64', await outboxWith(64), flushPerMessage()),
  async () => compare('lmdbOutbox, batches of 256', await outboxWith(256), flushPerMessage(), 15),
  () => compare('lmdbStore, inbox of 64 senders', inboxOf(64), flushPerMessage()),
];
