import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forkJoin, lastValueFrom, NEVER, startWith, toArray } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import type { ChannelLog } from '../../lib/channels/channelLog.js';
import { hub } from '../../lib/server/hub/hub.js';
import type { HubOptions } from '../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import type { ChannelRefusedError } from '../../lib/message/errors.js';
import { estimateSize } from '../../lib/message/estimateSize.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbChannelLog } from '../../lib/stores/lmdb/lmdbChannelLog.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { webSocketFrame, welcomeAttacker } from '../support/attacker.js';
import { eventually } from '../support/eventually.js';
import { note } from '../support/rooms.js';
import { wireServer } from '../support/wireServer.js';

const COUNT = 300;
const PAGE = 262_144;

/** A log that counts the bytes that are read. */
function counted(log: ChannelLog) {
  const reads: number[] = [];
  const names = new Set<string>();
  const read: ChannelLog['read'] = (name, query) => {
    names.add(name);
    const slice = log.read(name, query) as ReturnType<ReturnType<typeof lmdbChannelLog>['read']>;
    reads.push(estimateSize(slice.entries.map(({ message }) => message.payload)));
    return slice;
  };
  return { log: { ...log, read }, reads, names };
}

describe.each(['LMDB', 'memory'])('a hub over a log in %s', (kind) => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function start(options: HubOptions = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'rxwire-pages-'));
    const log = kind === 'memory' ? memoryChannelLog({ maxBytes: 2 ** 24 }) : lmdbChannelLog({ path: folder });
    const { reads, names, ...counting } = counted(log);
    const rooms = hub({ ...options, log: counting.log });
    const served: Wire[] = [];
    const server = await wireServer((wire) => {
      served.push(wire);
      rooms.serve(wire);
    });
    closers.push(
      () => rmSync(folder, { recursive: true }),
      () => (log as Partial<ReturnType<typeof lmdbChannelLog>>).close?.(),
      server.close,
    );
    const texts = Array.from({ length: COUNT }, (_, index) => `${index} ${'x'.repeat(4_000)}`);
    await lastValueFrom(forkJoin(texts.map((text) => asObservable(() => log.append('big', note(text, text.split(' ')[0]))))));
    return { served, reads, names, texts, log, ...server };
  }

  /** Sends messages over a raw connection that acks nothing, and waits until the hub has handled them. */
  async function requests({ port, names }: Awaited<ReturnType<typeof start>>, all: readonly Message[]): Promise<void> {
    const client = await welcomeAttacker(port);
    closers.push(() => client.socket.destroy());
    // A hub handles the messages of a client in order.
    const last = request('channel.join', { channel: 'last', join: 1 });
    for (const [index, message] of [...all, last].entries())
      client.socket.write(webSocketFrame(`["msg",${index + 1},1,${JSON.stringify(message)}]`));
    await eventually(() => expect([...names]).toContain('last'), 20_000);
  }

  const request = (type: string, payload: object): Message =>
    createMessage(type, { channel: 'big', ...payload }, { delivery: 'at-least-once' });

  it('reads a page for a client that acks nothing, however much history it requests', async () => {
    const server = await start();
    await requests(
      server,
      Array.from({ length: 100 }, () => request('channel.history', { limit: 1_000 })),
    );
    expect(server.reads.reduce((sum, bytes) => sum + bytes)).toBeLessThan(3 * PAGE);
  });

  it('reads a page for each of the repeated joins of a client that acks nothing, and sends the first', async () => {
    const server = await start();
    const { served } = server;
    const joins = Array.from({ length: 100 }, (_, index) => request('channel.join', { join: index, history: 1_000 }));
    await requests(server, joins);
    // Each join is answered with one small message.
    expect(served[0]!.state.metrics.bytesSent).toBeLessThan(3 * PAGE);
    expect(served[0]!.queued).toBeLessThan(300);
  });

  it('refuses requests for history while 100 of them wait', async () => {
    const { url } = await start();
    const wire = connect({ link: webSocket(url) });
    closers.push(() => wire.unsubscribe());
    const outcomes: string[] = [];
    const room = channel(wire, 'big');
    const answers = Array.from({ length: 150 }, () =>
      lastValueFrom(room.history({ limit: 20 }).pipe(toArray())).then(
        (past) => outcomes.push(`${past.length}`),
        (error: unknown) => outcomes.push((error as ChannelRefusedError).reason),
      ),
    );
    await Promise.all(answers);
    expect(outcomes.filter((outcome) => outcome === '20').length).toBeGreaterThanOrEqual(100);
    expect(outcomes.filter((outcome) => outcome === 'limit').length).toBeGreaterThan(0);
  });

  it('sends one list of members to a client that acks nothing, however often it requests presence', async () => {
    const members = Array.from({ length: 2_000 }, (_, index) => ({ id: `member${index}`, state: 'x'.repeat(500) }));
    const presence = { publish: () => undefined, changes: () => NEVER.pipe(startWith({ entered: members, left: [], updated: [] })) };
    const server = await start({ presence });
    const watches = Array.from({ length: 100 }, () => request('channel.watch', { watch: true }));
    await requests(server, [request('channel.join', { join: 1 }), ...watches]);
    expect(server.served[0]!.queued).toBeLessThan(30);
  });

  it('answers all requests of a client that acks: complete, and in order', async () => {
    const { url, texts } = await start();
    const wire = connect({ link: webSocket(url) });
    closers.push(() => wire.unsubscribe());
    const room = channel(wire, 'big');
    const whole = Array.from({ length: 5 }, () => lastValueFrom(room.history({ limit: 1_000 }).pipe(toArray())));
    const [first = [], ...others] = (await Promise.all(whole)).map((past) => past.map(({ message }) => message.payload));
    expect([first, ...others]).toEqual(Array.from({ length: 5 }, () => texts));
    const past = await lastValueFrom(room.history({ limit: 250 }).pipe(toArray()));
    expect(past.map(({ message }) => message.payload)).toEqual(texts.slice(-250));
    const before = await lastValueFrom(room.history({ limit: 200, before: past[0]!.position }).pipe(toArray()));
    expect(before.map(({ message }) => message.payload)).toEqual(texts.slice(0, -250));
  });
});
