/** A process in which each function that an application gives to rxwire throws at random, for randomThrowsAreContained.spec.ts. Prints what has become of it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { config, defer, EMPTY, of, Subject, throwError, timer } from 'rxjs';
import {
  channel,
  connect,
  consume,
  createMessage,
  dedupe,
  durable,
  envelopeProtocol,
  hub,
  idempotent,
  json,
  longPolling,
  memoryChannelLog,
  memoryDeadLetters,
  meter,
  meterWire,
  ofType,
  reply,
  request,
  route,
  use,
  webSocket,
  type ConnectOptions,
  type Inbox,
  type InboxRecord,
  type Message,
  type MetricsSink,
  type OpenedOutbox,
  type OutboxStore,
  type OutboxWrite,
  type Receipt,
  type RxwireError,
  type StoredBatch,
  type Wire,
} from '../../lib/index.js';
import { subscriptionsOf } from '../../lib/wire/subscriptionsOf.js';
import { EMPTY_OUTBOX } from '../../lib/core/storedOutgoing.js';
import { listen } from '../../lib/server/index.js';
import { seeded } from '../support/seeded.js';
import { claimIn, claimSender } from '../support/fakeInbox.js';

const TOTAL = Number(process.env['THROWS']);
const random = seeded(Number(process.env['SEED'] ?? 1));

/** How often each function has failed. */
const failures: Record<string, number> = {};
let total = 0;

class RandomError extends Error {}

/** Returns whether a function fails this time: for some time, then never again. */
function fails(name: string, chance: number): boolean {
  if (total >= TOTAL || random() >= chance) return false;
  total++;
  failures[name] = (failures[name] ?? 0) + 1;
  return true;
}

/** A function that throws at random. */
function risky<A extends readonly unknown[], R>(name: string, call: (...args: A) => R, chance = 0.05): (...args: A) => R {
  return (...args) => {
    if (fails(name, chance)) throw new RandomError(name);
    return call(...args);
  };
}

/** A function without a result, which throws or rejects a promise at random. */
function riskyCallback(name: string, chance = 0.05): () => void {
  return () => {
    if (!fails(name, chance)) return;
    if (random() < 0.5) throw new RandomError(name);
    return Promise.reject(new RandomError(name)) as never;
  };
}

/** A method of a store, which throws, or delivers an error, at random. */
function riskyStore<A extends readonly unknown[], R>(name: string, call: (...args: A) => R, chance = 0.01): (...args: A) => R {
  return (...args) => {
    if (!fails(name, chance)) return call(...args);
    if (random() < 0.5) throw new RandomError(name);
    return timer(1).pipe(() => throwError(() => new RandomError(name))) as R;
  };
}

function riskyObserver(name: string, chance = 0.004) {
  return {
    next: riskyCallback(`${name} next`, chance),
    error: riskyCallback(`${name} error`, chance),
    complete: riskyCallback(`${name} complete`, chance),
  };
}

/** What RxJS would have thrown at the process. */
const uncaught: string[] = [];
let reported = 0;
config.onUnhandledError = (error: unknown) => {
  if ((error as RxwireError).code === 'ERR_CALLBACK') reported++;
  else uncaught.push(`unhandled ${String(error)}`);
};
process.on('uncaughtException', (error) => uncaught.push(`exception ${String(error.stack)}`));
process.on('unhandledRejection', (error) => uncaught.push(`rejection ${String(error instanceof Error ? error.stack : error)}`));

const records = new Map<string, InboxRecord>();
const inbox: Inbox<null> = {
  durability: durable,
  claim: riskyStore('inbox.claim', (pid, decide) => claimSender(records, pid, decide)),
  commit: riskyStore('inbox.commit', ({ pid }, cursor, completions) =>
    defer(() => {
      for (const { effect } of completions) effect?.(null);
      records.set(pid, { ...records.get(pid), cursor });
      return of(undefined);
    }),
  ),
  remember: riskyStore('inbox.remember', (lease, session) => {
    const { pid, claim } = claimIn(lease);
    records.set(pid, { cursor: { done: 0, finished: [] }, claim, ...records.get(pid), session });
  }),
};

/** Outboxes for the clients of the server, which outlive their sessions. */
const outboxes = new Map<string, OpenedOutbox>();
function outbox(pid: string): OutboxStore {
  const lastOf = ({ first, count }: StoredBatch): number => first + count - 1;
  return {
    isDurable: true,
    durability: durable,
    maxMessages: 10_000,
    maxBytes: 1e7,
    open: riskyStore('outbox.open', () => {
      const found = outboxes.get(pid);
      const opened = { ...EMPTY_OUTBOX, pid, batches: [], ...found, epoch: (found?.epoch ?? 0) + 1 };
      outboxes.set(pid, opened);
      return opened;
    }),
    write: riskyStore('outbox.write', ({ head, batches, replaces }: OutboxWrite) => {
      const found = outboxes.get(pid) as OpenedOutbox;
      const all = [...(replaces ? [] : found.batches), ...batches];
      outboxes.set(pid, { ...found, ...head, batches: all.filter((batch) => lastOf(batch) > head.acked) });
    }),
    close: risky('outbox.close', () => undefined),
  };
}

const letters = memoryDeadLetters();
const log = memoryChannelLog();
const rooms = hub({
  identify: risky('identify', ({ id }: Wire) => id),
  authorize: ({ action }) =>
    fails('authorize', 0.05)
      ? random() < 0.5
        ? throwError(() => new RandomError('authorize'))
        : Promise.reject(new RandomError('authorize'))
      : action !== 'join' || true,
  log: {
    append: riskyStore('log.append', log.append),
    read: riskyStore('log.read', log.read),
    broadcast: risky('log.broadcast', log.broadcast as NonNullable<typeof log.broadcast>),
    tail: riskyStore('log.tail', log.tail),
  },
});
rooms.errors$.subscribe();

const sink: MetricsSink = {
  message: risky('sink.message', () => undefined, 0.01),
  error: risky('sink.error', () => undefined),
  drop: risky('sink.drop', () => undefined),
  time: risky('sink.time', () => undefined, 0.01),
};

const retry = { initialInterval: 1, maxRetries: 2 } as const;

/** Uses a wire of the server in each way. */
function useWire(wire: Wire): void {
  wire.subscribe(riskyObserver('wire'));
  wire.errors$.subscribe(riskyObserver('errors$'));
  wire.state$.subscribe(riskyObserver('state$'));
  if (random() < 0.5) wire.receipts$.subscribe(riskyObserver('receipts$'));
  wire.failures$.subscribe(riskyObserver('failures$', 0.02));
  wire.latency$.subscribe(riskyObserver('latency$'));
  subscriptionsOf(wire).subscribe(riskyObserver('subscriptions$'));
  meterWire(wire, sink, { onError: riskyCallback('meterWire.onError', 0.2) });
  rooms.serve(wire);
  wire
    .pipe(
      use(
        risky('middleware', () => undefined, 0.05),
        { onError: riskyCallback('use.onError', 0.1) },
      ),
      meter(sink, { size: risky('meter.size', () => 1, 0.005) }),
      ofType('job.run'),
      dedupe({ key: risky('dedupe.key', ({ id }: Message) => id, 0.005), onDuplicate: risky('dedupe.onDuplicate', () => undefined) }),
      consume(
        risky('consume', () => (random() < 0.5 ? undefined : timer(1)), 0.5),
        {
          retry: { ...retry, shouldRetry: risky('retry.shouldRetry', () => true), onRetry: riskyCallback('retry.onRetry') },
          effect: risky('effect', () => undefined, 0.2),
          onError: riskyCallback('consume.onError', 0.02),
          ...(random() < 0.5 && { deadLetter: riskyStore('deadLetter', letters.add) }),
        },
      ),
    )
    .subscribe(riskyCallback('consumed', 0.005));
  wire
    .pipe(
      route(
        { 'note.*': risky('route', () => (random() < 0.5 ? undefined : timer(1)), 0.4) },
        { retry, onUnhandled: riskyCallback('onUnhandled', 0.01), onError: riskyCallback('route.onError', 0.02) },
      ),
    )
    .subscribe();
  wire
    .pipe(
      reply(
        { 'sum.ask': risky('reply', () => (random() < 0.5 ? [1] : timer(1)), 0.4) },
        {
          describe: risky('describe', () => ({ code: 'ERR_SUM', message: 'no' }) as never, 0.1),
          onError: riskyCallback('reply.onError', 0.02),
        },
      ),
    )
    .subscribe(wire);
  wire
    .pipe(
      ofType('order.place'),
      idempotent(
        risky('idempotent', () => EMPTY),
        { key: risky('idempotent.key', ({ id }: Message) => id) },
      ),
    )
    .subscribe();
  wire.next(createMessage('greeting', null));
}

const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const shutdown$ = new Subject<void>();
let wires = 0;
let end = 'none';
listen(server, {
  shutdown$,
  maxPerAddress: 10_000,
  connectionRate: false,
  authenticate: ({ token = '' }) => {
    // The clients of the envelope protocol have no token: they are refused for good.
    if (!fails('authenticate', 0.02)) return token === '' ? undefined : { id: token };
    return random() < 0.5 ? throwError(() => new RandomError('authenticate')) : Promise.reject(new RandomError('authenticate'));
  },
  maxPerPrincipal: 1_000,
  onRefused: riskyCallback('onRefused', 0.5),
  onDead: riskyCallback('server onDead', 0.2),
  outbox: risky('outbox', outbox),
  inbox,
  deadLetters: { ...letters, add: riskyStore('letters.add', letters.add) },
  random: risky('random', Math.random, 0.5),
  codecs: [json()],
  detachedTimeout: 2_000,
  drainTimeout: 2_000,
  retryAfter: 1,
}).subscribe({
  next: (wire) => {
    wires++;
    useWire(wire);
    if (fails('listen next', 0.02)) throw new RandomError('listen next');
  },
  error: (error) => (end = `error ${String(error)}`),
  complete: () => (end = 'complete'),
});

/** What has become of the messages that were sent. */
let sent = 0;
const wrong: string[] = [];
const ends: Record<string, number> = {};
const reconnect = { initialInterval: 1, maxInterval: 10, jitter: 0.5 } as const;

/** A client that sends until enough has failed, with another wire whenever one has ended. */
async function runClient(number: number): Promise<void> {
  const isEnvelope = number % 6 === 5;
  const link = number % 6 === 4 ? longPolling(`http://127.0.0.1:${port}/wire`) : webSocket(`ws://127.0.0.1:${port}/wire`);
  const options: ConnectOptions = isEnvelope
    ? { link, protocol: envelopeProtocol, reconnect, ackTimeout: 100, maxRetries: 3 }
    : {
        link,
        token: risky('token', () => `client${number}`),
        onDead: riskyCallback('onDead', 0.5),
        reconnect,
        ...(number % 3 === 0 && { delivery: 'exactly-once' as const }),
      };
  for (let life = 0; total < TOTAL; life++) {
    const wire = connect(options);
    const open = new Set<string>();
    const closed = new Set<string>();
    const settled$ = new Subject<void>();
    const ended = new Promise<void>((resolve) => {
      wire.subscribe({ error: () => resolve(), complete: () => resolve() });
    });
    let over = false;
    const isOver = (): boolean => over;
    void ended.then(() => (over = true));
    wire.receipts$.subscribe(({ id, status, error }: Receipt) => {
      const isLast = error !== undefined || status === 'acked';
      if (isLast && closed.has(id)) wrong.push(`${status} of ${id} after its last receipt`);
      if (!isLast || !open.delete(id)) return;
      closed.add(id);
      ends[status] = (ends[status] ?? 0) + 1;
      settled$.next();
    });
    const send = (message: Message): void => {
      sent++;
      open.add(message.id);
      if (random() < 0.5) wire.next(message);
      else wire.send(message).catch(() => undefined);
    };
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    if (!isEnvelope) channel(wire, `room.${number % 3}`).subscribe({ error: () => undefined });
    while (total < TOTAL && !isOver()) {
      send(createMessage('job.run', null));
      send(createMessage('note.taken', null));
      if (random() < 0.1) send(createMessage('order.place', null));
      if (random() < 0.2) send(createMessage('bad', circular));
      if (random() < 0.3) request(wire, createMessage('sum.ask', null), { timeout: 100 }).subscribe({ error: () => undefined });
      if (!isEnvelope && random() < 0.3) channel(wire, `room.${number % 3}`).next(createMessage('chat.said', { text: 'hi' }));
      if (!isEnvelope && random() < 0.1) send(createMessage('note.taken', null, { delivery: 'at-least-once' }));
      // Half of the time, only some of the messages may be open.
      const limit = random() < 0.3 ? 0 : 20;
      while (open.size > limit && !isOver() && total < TOTAL)
        await Promise.race([new Promise<void>((resolve) => settled$.subscribe(() => resolve())), ended, tick()]);
    }
    // From here on nothing fails: each message that is left receives its last receipt before the wire ends.
    const deadline = Date.now() + 10_000;
    while (open.size > 0 && !isOver() && Date.now() < deadline) await tick();
    if (!isOver()) for (const id of open) wrong.push(`${id} of client ${number}, life ${life}, is still open`);
    await Promise.race([ended, tick()]);
    if (!isOver()) wire.unsubscribe();
    await tick();
    for (const id of open)
      wrong.push(`${id} of client ${number}, life ${life}, has no end (${isOver() ? 'its wire has ended' : 'its wire is alive'})`);
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const startedAt = Date.now();
await Promise.all(Array.from({ length: 18 }, (_, number) => runClient(number)));

// The server lives.
const late = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), token: 'late', reconnect });
late.subscribe({ error: () => undefined });
const last = await Promise.race([
  late.send(createMessage('note.taken', null)),
  new Promise((resolve) => setTimeout(resolve, 5_000, 'too late')),
]).catch(String);
const endBefore = end;
late.unsubscribe();
shutdown$.next();
const stopBy = Date.now() + 5_000;
while (end === 'none' && Date.now() < stopBy) await tick();
server.close();
server.closeAllConnections();
process.stdout.write(
  JSON.stringify({
    total,
    failures,
    sent,
    ends,
    wires,
    reported,
    wrong: wrong.slice(0, 20),
    uncaught: uncaught.slice(0, 20),
    last,
    endBefore,
    end,
    took: Date.now() - startedAt,
  }),
);
process.stdout.write('\n', () => process.exit());
