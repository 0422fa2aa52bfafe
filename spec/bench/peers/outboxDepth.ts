import { filter, firstValueFrom, noop, take, toArray } from 'rxjs';
import { connect, createMessage, msgpack, webSocket } from '../../../lib/index.js';
import { temporaryFolder } from './kinds/rxwire.js';
import { cpuTime } from '../ways.js';

export interface OutboxRun {
  /** Messages that wait in the outbox when the connection opens. */
  readonly depth: number;
  /** Whether the outbox is in LMDB. */
  readonly isDurable: boolean;
}

/** Gives a wire so many messages before its connection is open; returns the CPU time of this process for each, until all are acked, in ms. */
export async function drainOutbox(url: string, { depth, isDurable }: OutboxRun): Promise<number> {
  const limits = { maxMessages: 2 * depth, maxBytes: 256 * 1024 * 1024 };
  const stored = isDurable
    ? { outbox: (await import('../../../lib/adapters/node/index.js')).lmdbOutbox({ path: temporaryFolder(), ...limits }) }
    : {};
  const messages = Array.from({ length: depth }, () => createMessage('bench.item', 'x'.repeat(100)));
  const before = cpuTime();
  const wire = connect({ link: webSocket(url), codec: msgpack(), delivery: 'exactly-once', maxQueued: 2 * depth, ...stored });
  wire.subscribe(noop);
  const acked = firstValueFrom(
    wire.receipts$.pipe(
      filter(({ status }) => status === 'acked'),
      take(depth),
      toArray(),
    ),
  );
  messages.forEach((message) => wire.next(message));
  await acked;
  const used = cpuTime() - before;
  wire.unsubscribe();
  return used / depth;
}
