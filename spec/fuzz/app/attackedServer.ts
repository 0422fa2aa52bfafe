/**
 * A server of an application, as a process of its own: node attackedServer.mjs <folder of the log> [sabotage]. It has channels in LMDB, some of them
 * big, a channel with many members, and handlers of requests. It measures itself, and reports on request.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { catchError, EMPTY, filter, forkJoin, lastValueFrom, NEVER, of, range, startWith, take, tap, timer, type Observable } from 'rxjs';
import { createMessage, hub, reply, type ChannelMember, type ClusterPresence, type Wire } from '../../../lib/index.js';
import { lmdbChannelLog } from '../../../lib/adapters/node/index.js';
import { listen, type Principal, type ServerWire } from '../../../lib/server/index.js';
import { BIG_CHANNELS, CROWDED, KEYED, type ServerSample } from './attacks.js';

const [folder = '', sabotage = ''] = process.argv.slice(2);

/** How often the process looks at itself, in ms. */
const TICK = 5;

/**
 * Measures how long the event loop stands still: the CPU time of its thread between two ticks, which other programs of the machine do not change, and
 * the time itself, without that for which the thread waited for a core. And the memory of the process, without the pages of the file of LMDB, which
 * belong to the page cache.
 */
function createMeter() {
  const memory = (): number => Number(/RssAnon:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1_024;
  const clocks = (): { readonly at: number; readonly ran: number; readonly waited: number } => {
    const [ran = 0, waited = 0] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ').map(Number);
    return { at: performance.now(), ran: ran / 1e6, waited: waited / 1e6 };
  };
  let last = clocks();
  let sample: ServerSample = { stall: 0, blocked: 0, memory: 0, messages: 0 };
  const look = (): void => {
    const now = clocks();
    const [stall, blocked] = [now.ran - last.ran, now.at - last.at - TICK - (now.waited - last.waited)];
    last = now;
    sample = {
      stall: Math.max(sample.stall, stall),
      blocked: Math.max(sample.blocked, blocked),
      memory: Math.max(sample.memory, memory()),
      messages: sample.messages,
    };
  };
  setInterval(look, TICK);
  return {
    /** Counts a message of the hostile client. */
    count: () => (sample = { ...sample, messages: sample.messages + 1 }),
    /** Returns the highest values since the last call. */
    take(): ServerSample {
      look();
      const taken = sample;
      sample = { stall: 0, blocked: 0, memory: memory(), messages: 0 };
      return taken;
    },
  };
}

const meter = createMeter();

/** The members of other nodes: many, each with a state. */
const members = Array.from({ length: 2_000 }, (_, index): ChannelMember => ({ id: `member${index}`, state: 'x'.repeat(500) }));
const presence: ClusterPresence = {
  publish: () => undefined,
  changes: (channel) => (channel === CROWDED ? NEVER.pipe(startWith({ entered: members, left: [], updated: [] })) : NEVER),
};

/** The wires of the hostile client. */
const hostile = new Set<Wire>();
const log = lmdbChannelLog({ path: folder });
const rooms = hub({ log, presence });
rooms.channel(KEYED, { key: ({ payload }) => (payload as { readonly key?: string } | null)?.key ?? 'none' });

async function fill(): Promise<void> {
  for (const { name, count, size } of BIG_CHANNELS) {
    const appends = Array.from({ length: count }, (_, index) =>
      log.append(name, createMessage('test.item', { key: `${index}`, text: 'x'.repeat(size) })),
    );
    await lastValueFrom(forkJoin(appends) as Observable<unknown>);
  }
}

function serve(wire: ServerWire<Principal>): void {
  rooms.serve(wire);
  wire
    .pipe(
      reply({
        'test.echo': ({ payload }) => of(payload),
        'test.slow': () => timer(100),
        'test.many': () => range(0, 5),
      }),
    )
    .subscribe({ next: (message) => wire.next(message), error: () => undefined });
  const hostile$ = wire.pipe(
    tap(() => meter.count()),
    catchError(() => EMPTY),
  );
  if (wire.principal.id === 'hostile') hostile$.subscribe();
  // Faults that the fuzz must find.
  const channels$ = hostile$.pipe(
    filter(({ type }) => type.startsWith('channel.')),
    take(1),
  );
  if (sabotage === 'crash') channels$.subscribe(() => process.exit(1));
  if (sabotage === 'stall') channels$.subscribe(() => wait(300));
}

function wait(time: number): void {
  for (const begun = performance.now(); performance.now() - begun < time;);
}

await fill();
const server = createServer();
const authenticate = ({ token = '' }) => ({ id: token || 'hostile' });
listen(server, { connectionRate: false, authenticate }).subscribe((wire) => {
  serve(wire);
  if (wire.principal.id === 'hostile') hostile.add(wire);
  wire.errors$.subscribe({ complete: () => hostile.delete(wire) });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('message', (request) => {
  // What earlier attacks have left for the garbage collector is no part of the next one.
  if (request === 'collect') {
    hostile.forEach((wire) => wire.unsubscribe());
    globalThis.gc?.();
    meter.take();
  }
  process.send?.({ kind: 'sample', value: meter.take() });
});
process.on('disconnect', () => process.exit());
process.send?.({ kind: 'up', value: (server.address() as AddressInfo).port });
