import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { filter, from, map, Subject, take, type MonoTypeOperatorFunction } from 'rxjs';
import { connect, createMessage, meter, meterWire, msgpack, webSocket, type Message } from '../../lib/index.js';
import { createMetrics } from '../../lib/adapters/metrics/index.js';
import { listen } from '../../lib/server/index.js';
import { compare, type Comparison, type Prepare, type Suite } from './bench.js';
import { compareWays, cpuTime, type Way } from './ways.js';

/** Messages that are on their way, unacked, at any time. */
const IN_FLIGHT = 256;
const MESSAGES = 40_000;

/** What is measured: the messages, where they are sent and where they are received; and all that the sending wire tells of itself. */
interface Measured {
  readonly messages?: boolean;
  readonly wire?: boolean;
}

/** A wire over a real socket. Who counts the acks is one subscriber of `receipts$` in any case. */
async function wireWay({ messages: isMetered = false, wire: isWatched = false }: Measured): Promise<Way> {
  const metrics = createMetrics();
  const metered = (direction: 'sent' | 'received'): MonoTypeOperatorFunction<Message> =>
    isMetered ? meter(metrics, { direction }) : (source) => source;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = listen(server).subscribe((wire) => wire.pipe(metered('received')).subscribe());
  const wire = connect({
    link: webSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`),
    codec: msgpack(),
    delivery: 'exactly-once',
  });
  if (isWatched) meterWire(wire, metrics);
  const outgoing$ = new Subject<Message>();
  outgoing$.pipe(metered('sent')).subscribe((message) => wire.next(message));
  await wire.send(createMessage('bench.first', null));
  const payload = 'x'.repeat(100);

  const run = (): Promise<void> =>
    new Promise((resolve) => {
      let sent = 0;
      const next = (): void => {
        if (sent++ < MESSAGES) outgoing$.next(createMessage('bench.item', payload));
      };
      wire.receipts$
        .pipe(
          filter(({ status }) => status === 'acked'),
          take(MESSAGES),
        )
        .subscribe({ next, complete: resolve });
      for (let count = 0; count < IN_FLIGHT; count++) next();
    });
  return {
    messages: MESSAGES,
    run,
    end: () => {
      wire.unsubscribe();
      served.unsubscribe();
      server.close();
    },
  };
}

async function acked(name: string, measured: Measured, goal?: number) {
  const [ours, theirs] = [await wireWay(measured), await wireWay({})];
  return compareWays({ name, baseline: 'neither', ours, theirs, goal, clock: cpuTime, tries: 3 });
}

/** What one message costs that has nothing else to do. */
function alone(): Comparison {
  const messages = Array.from({ length: 500_000 }, (_, index) =>
    createMessage(`bench.${index % 50}`, { sandboxId: 's1', path: `/file/${index}`, operation: 'update' }, { id: 'a', timestamp: 0 }),
  );
  const through =
    (operator: () => MonoTypeOperatorFunction<Message>): Prepare =>
    () =>
    () => {
      let seen = 0;
      from(messages as Message[])
        .pipe(operator())
        .subscribe(() => seen++);
      if (seen !== messages.length) throw new Error(`${seen} of ${messages.length} came through`);
    };
  return {
    name: 'meter, 50 types',
    baseline: 'map',
    operations: messages.length,
    ours: through(() => meter(createMetrics())),
    theirs: through(() => map((message) => message)),
  };
}

export const suite: Suite = [
  () => acked('acked, with meter where sent and received', { messages: true }, 0.9),
  () => acked('acked, with meterWire', { wire: true }),
  () => acked('acked, with both', { messages: true, wire: true }),
  () => compare(alone()),
];
