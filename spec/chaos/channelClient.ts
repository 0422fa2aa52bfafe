/**
 * A client of many busy channels as a process of its own: node channelClient.mjs <setup as JSON>. It writes to the log, as a process without a
 * server does. Over wires to the nodes, it is a member of all channels, and reads their history.
 */
import { connect as connectNats } from '@nats-io/transport-node';
import { firstValueFrom, map, ReplaySubject, retry, toArray, type Observable } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { channel, ChannelRefusedError, connect, webSocket, type Message, type Wire } from '../../lib/index.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { natsCluster } from '../../lib/stores/nats/index.js';
import type { ChannelSetup } from './channels.js';
import { checkRead, createNumberCheck, writeNumbers, type NumberCheck } from './numbers.js';
import type { Told } from './processes.js';

const setup = JSON.parse(process.argv[2] ?? '') as ChannelSetup;
const { names, reconnect, openTimeout } = setup;
const tell = (told: Told): void => void process.send?.(told);
const fail = (reason: string): void => tell({ kind: 'failed', reason });

const WRITER = 'channels';
/** The pause between two messages of a channel, between two reads of a reader, and after a refused join, in ms. */
const WRITE_PAUSE = 150;
const READ_PAUSE = 50;
const REJOIN_PAUSE = 500;
/** The number of messages of a read. */
const LIMIT = 200;

const connection = await connectNats({ servers: [...setup.nats], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
const { log } = natsCluster({ connection, name: setup.name, node: WRITER, replicas: setup.replicas });
const calm$ = new ReplaySubject<void>(1);
let isCalm = false;
calm$.subscribe(() => (isCalm = true));
/** The highest number of each channel that the log has. */
const written = new Map<string, number>();
let [reads, received] = [0, 0];

function dial(role: string): Wire {
  const link = webSocket(`ws://127.0.0.1:${setup.port}/wire`, { openTimeout });
  const wire = connect({ link, reconnect, handshakeTimeout: 10_000, token: () => `${WRITER}.${role}` });
  wire.subscribe({ error: (error: unknown) => fail(`${role}: ${String(error)}`) });
  return wire;
}

/** What the member has received of each channel. */
const checks = new Map<string, NumberCheck>();

/** Becomes a member of a channel. */
function follow(wire: Wire, name: string, isFirst = true): void {
  const check = createNumberCheck(isFirst);
  checks.set(name, check);
  const room = channel(wire, name, { from: 'start' });
  const gaps = room.gaps$.subscribe(({ reason, after, next }) =>
    fail(`${name}: the member has a gap (${reason}) from ${after.offset} to ${next.offset}, ${written.get(name)} are written`),
  );
  room.subscribe({
    next(message) {
      received++;
      const breach = check.take(message);
      if (breach !== undefined) fail(`${name}: the member has received ${breach}`);
    },
    error(error: unknown) {
      gaps.unsubscribe();
      // The hub refuses a join while NATS is unreachable for longer than the timeout of the log.
      if (error instanceof ChannelRefusedError) void sleep(REJOIN_PAUSE).then(() => follow(wire, name, false));
      else fail(`${name}: ${String(error)}`);
    },
  });
}

type Read = (name: string) => Observable<readonly Message[]>;

/** Reads the latest messages of one channel after the other. */
async function readAll(read: Read, first: number): Promise<void> {
  for (let index = first; !isCalm; index++) {
    const name = names[index % names.length] as string;
    const known = written.get(name) ?? 0;
    // The node may die before it answers.
    const messages = await firstValueFrom(read(name)).catch(() => undefined);
    if (messages) {
      reads++;
      const { breach, last } = checkRead(messages, LIMIT);
      if (breach !== undefined) fail(`${name}: ${breach}`);
      if (last(WRITER) < known) fail(`${name}: ${messages.length} messages that were read end at ${last(WRITER)}, not ${known}`);
    }
    await sleep(READ_PAUSE);
  }
}

const [member, reader] = [dial('member'), dial('reader')];
names.forEach((name) => follow(member, name));
const writers = names.map((name) =>
  writeNumbers({
    writer: WRITER,
    pause: WRITE_PAUSE,
    isCalm: () => isCalm,
    publish: (message) => firstValueFrom(asObservable(() => log.append(name, message))),
    onWritten: (number) => written.set(name, number),
  }),
);
// While the log has a tail of a channel, it checks whether the stream has lost its end. A tail may fail while NATS is unreachable.
names.forEach((name) =>
  log
    .tail(name)
    .pipe(retry({ delay: READ_PAUSE }))
    .subscribe(),
);
const messagesOf = (all: readonly { readonly message: Message }[]): readonly Message[] => all.map(({ message }) => message);
const readWire: Read = (name) => channel(reader, name).history({ limit: LIMIT }).pipe(toArray(), map(messagesOf));
const readLog: Read = (name) => asObservable(() => log.read(name, { limit: LIMIT })).pipe(map(({ entries }) => messagesOf(entries)));
const readers = [readWire, readWire, readLog, readLog].map((read, index) => readAll(read, index * 10));
const finish = async (): Promise<void> => {
  await Promise.all([...writers, ...readers]);
  while (names.some((name) => checks.get(name)?.last(WRITER) !== written.get(name))) await sleep(READ_PAUSE);
  tell({ kind: 'channels', reads, received, written: Object.fromEntries(written) });
};
calm$.subscribe(() => void finish());
tell({ kind: 'up', port: 0 });

process.on('disconnect', () => process.exit());
process.on('message', () => calm$.next());
