/** One end of a wire whose memory is watched: node --expose-gc child.mjs <setup as JSON>. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { interval, takeWhile } from 'rxjs';
import { connect, createMessage, webSocket, type Message } from '../../../lib/index.js';
import { createRing } from '../../../lib/operators/buffers/ring.js';
import { listen } from '../../../lib/server/index.js';
import { claim, type Claim } from '../../../lib/wire/session/messageClaim.js';
import type { Setup, Told } from './end.js';

/** How often messages are sent, and finished, in ms. */
const TICK = 10;
/** What a producer that honours back pressure has not acked at most. */
const MAX_OPEN = 2_000;
const TEXT = 'x'.repeat(100);

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const tell = (told: Told): void => void process.send?.(told);

function produce({ port, messages, rate, isPatient }: Setup): void {
  const wire = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), delivery: 'exactly-once', overflow: 'drop-oldest' });
  let [sent, acked, dropped] = [0, 0, 0];
  wire.receipts$.subscribe(({ status }) => {
    if (status === 'acked') acked++;
    else if (status === 'dead') dropped++;
    else return;
    if (acked + dropped === messages) tell({ kind: 'done', acked, dropped });
  });
  const send = (): void => {
    const room = isPatient ? MAX_OPEN - (sent - acked - dropped) : Infinity;
    for (let count = Math.min(perTick(rate), messages - sent, room); count > 0; count--)
      wire.next(createMessage('memory', { number: ++sent, text: TEXT }));
  };
  interval(TICK)
    .pipe(takeWhile(() => sent < messages))
    .subscribe(send);
}

async function consume({ rate }: Setup): Promise<void> {
  const waiting = createRing<Claim>();
  let [received, reordered, last] = [0, 0, 0];
  const take = (message: Message): void => {
    const { number } = message.payload as { readonly number: number };
    received++;
    if (number <= last) reordered++;
    last = number;
    if (rate !== undefined) waiting.push(claim(message)!);
  };
  const server = createServer();
  listen(server, { connectionRate: false }).subscribe((wire) => wire.subscribe(take));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  if (rate !== undefined)
    interval(TICK).subscribe(() => {
      for (let count = perTick(rate); count > 0 && waiting.size > 0; count--) waiting.shift()?.end();
    });
  process.on('message', () => tell({ kind: 'received', received, reordered }));
  tell({ kind: 'up', port: (server.address() as AddressInfo).port });
}

function perTick(rate = Infinity): number {
  return (rate * TICK) / 1_000;
}

interval(setup.every).subscribe(() => {
  gc!();
  const { rss, heapUsed } = process.memoryUsage();
  tell({ kind: 'sample', rss, heap: heapUsed });
});
process.on('disconnect', () => process.exit());
if (setup.role === 'producer') produce(setup);
else await consume(setup);
