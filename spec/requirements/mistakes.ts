/** A program that makes the mistakes of people who are new to rxwire, and prints as JSON how each of them was told. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { EMPTY, NEVER, of, throwError } from 'rxjs';
import {
  ackWithin,
  batchByKey,
  channel,
  connect,
  consume,
  createMessage,
  dedupe,
  fallback,
  json,
  memoryLink,
  memoryOutbox,
  ofType,
  priorityMerge,
  queue,
  reply,
  request,
  retryBackoff,
  sendAll,
  webSocket,
  type Frame,
} from '../../lib/index.js';
import { hub, listen } from '../../lib/server/index.js';

const warnings: { readonly code?: string; readonly message: string }[] = [];
process.on('warning', (warning) => warnings.push({ ...(warning as { code?: string }), message: warning.message }));

const any = (value: unknown): never => value as never;
const [near] = memoryLink<Frame>();
const link = (): never => any(() => NEVER);
const wireLike = any({ next: () => undefined, subscribe: () => undefined });

/** Mistakes that a call refuses. */
const calls: Readonly<Record<string, () => unknown>> = {
  'a misspelt option of connect': () => connect(any({ link: link(), delivry: 'exactly-once' })),
  'the name of a codec': () => connect(any({ link: link(), codec: 'msgpack' })),
  'an address instead of options': () => connect(any('ws://127.0.0.1:1/wire')),
  'a token that is an object': () => connect(any({ link: link(), token: {} })),
  'a link that is an address': () => connect(any({ link: 'ws://127.0.0.1:1/wire' })),
  'a misspelt option of reconnect': () => connect(any({ link: link(), reconnect: { maxRetry: 3 } })),
  'a window that is a text': () => connect(any({ link: link(), window: '16' })),
  'a channel without a wire': () => channel(any('room.1'), any(undefined)),
  'a misspelt option of channel': () => channel(wireLike, 'room', any({ form: 'start' })),
  'a misspelt option of webSocket': () => webSocket('ws://127.0.0.1:1', any({ protocol: 'chat' })),
  'an address of a page': () => webSocket('http://127.0.0.1:1'),
  'a misspelt option of json': () => json(any({ maxbatch: 3 })),
  'a misspelt option of dedupe': () => dedupe(any({ tll: 3 })),
  'a key that is no function': () => dedupe(any({ key: 'id' })),
  'a misspelt option of ackWithin': () => ackWithin(EMPTY, 10, any({ retry: 3 })),
  'a misspelt option of batchByKey': () => batchByKey(any({ maxTime: 3 })),
  'a misspelt option of priorityMerge': () => priorityMerge(() => EMPTY, any({ concurency: 3 })),
  'a misspelt option of retryBackoff': () => retryBackoff(any({ initialIntervall: 3 })),
  'a misspelt option of consume': () => consume(() => EMPTY, any({ retries: 3 })),
  'a misspelt option of reply': () => reply({}, any({ concurrent: 3 })),
  'a misspelt option of request': () => request(wireLike, createMessage('a.b', 1), any({ timout: 3 })),
  'a misspelt option of sendAll': () => sendAll(any({}), [], any({ head: 3 })),
  'a misspelt option of queue': () => queue('jobs', any({ maxsize: 3 })),
  'a misspelt option of fallback': () => fallback(webSocket('ws://127.0.0.1:1'), any({ timeouts: 3 })),
  'a misspelt option of memoryOutbox': () => memoryOutbox(any({ maxMessage: 3 })),
  'a misspelt option of hub': () => hub(any({ authorise: () => true })),
};

async function run(): Promise<void> {
  const refused: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      const made: unknown = call();
      (made as { unsubscribe?: () => void } | undefined)?.unsubscribe?.();
    } catch (error) {
      refused[name] = String(error);
    }
  }

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`;
  const served = listen(server).subscribe((wire) => {
    hub();
    wire.next(createMessage('news.published', 'nobody subscribes'));
    // The client sends a.b.
    wire.pipe(ofType('a.bb', 'a.date', 'a.change')).subscribe();
    wire.pipe(reply({ 'time.get': () => of(1) })).subscribe();
  });
  listen(createServer());
  // The mistake of a hub shows with the second client.
  await connect({ link: webSocket(url) })
    .send(createMessage('a.b', 1))
    .catch(() => undefined);
  const wire = connect({ link: webSocket(url) });
  wire.errors$.subscribe();
  await wire.send(createMessage('a.date', { at: new Date(0) })).catch(() => undefined);
  const lost = connect({ link: () => throwError(() => new Error('404')), reconnect: { initialInterval: 500, maxInterval: 500 } });
  lost.errors$.subscribe();
  const over = connect({ link: near });
  over.unsubscribe();
  over.next(createMessage('too.late', 1));
  const asking = connect({ link: webSocket(url) });
  request(asking, createMessage('time.get', 1), { timeout: 3_000 }).subscribe({ error: () => undefined });
  let frozen = '';
  const payload = { list: [{ count: 1 }] };
  wire.next(createMessage('a.change', payload));
  try {
    payload.list[0]!.count = 2;
  } catch (error) {
    frozen = String(error);
  }
  await sleep(6_500);
  process.stdout.write(JSON.stringify({ refused, frozen, warnings }));
  served.unsubscribe();
  process.exit();
}
void run();
