/** A program that sees no failure of its wire, for unseenLossIsReported.spec.ts. Its argument names what it does. Prints what it notices itself. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { config, from, lastValueFrom, map } from 'rxjs';
import {
  channel,
  connect,
  createMessage,
  ofType,
  reply,
  request,
  sendAll,
  webSocket,
  type Channel,
  type ConnectOptions,
  type Message,
  type Wire,
} from '../../lib/index.js';
import { hub, listen, type Hub, type Principal } from '../../lib/server/index.js';

const rows = Array.from({ length: 1_000 }, (_, row) => createMessage('row.added', row));
const nowhere = (options: Partial<ConnectOptions> = {}) => connect({ link: webSocket('ws://127.0.0.1:1/wire'), ...options });
const givesUp = () => nowhere({ reconnect: { initialInterval: 5, maxRetries: 2 } });
const say = (text: unknown): void => void process.stdout.write(`${String(text)}\n`);
const note = (error: { readonly code: string }): void => say(`seen ${error.code}`);
const sendRows = (wire: { next(message: Message): void }): void => rows.forEach((row) => wire.next(row));

/** Runs with the address of a server. */
async function served(
  authenticate: () => Principal | undefined,
  run: (url: string) => void,
  onWire = (wire: Wire): unknown => wire.subscribe(),
): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  listen(server, { authenticate }).subscribe((wire) => void onWire(wire));
  server.unref();
  run(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`);
}

/** Takes the messages of channels, and answers none. */
const silentHub = { serve: (wire: Wire) => wire.pipe(ofType('channel.publish')).subscribe() };

/** Uses a channel, and completes the wire. */
const onChannel = (rooms: Pick<Hub, 'serve'> | undefined, use: (room: Channel) => unknown, after = 0) =>
  served(
    () => ({ id: 'ada' }),
    (url) => {
      const wire = connect({ link: webSocket(url) });
      use(channel(wire, 'room.1', { answerTimeout: 200 }));
      if (after > 0) setTimeout(() => wire.complete(), after);
      else wire.complete();
    },
    (wire) => (rooms ? rooms.serve(wire) : wire.subscribe()),
  );
const refusing = (use: (room: Channel) => unknown) => onChannel(hub({ authorize: () => false }), use);

const programs: Readonly<Record<string, () => unknown>> = {
  'next, complete'() {
    const wire = nowhere({ drainTimeout: 100 });
    sendRows(wire);
    wire.complete();
  },
  send() {
    const wire = givesUp();
    for (const row of rows) void wire.send(row);
  },
  next: () => sendRows(givesUp()),
  'next, with requests, replies and a channel'() {
    const wire = givesUp();
    request(wire, createMessage('status.get', null)).subscribe({ error: note }).unsubscribe();
    wire.pipe(reply({ 'status.get': () => ['fine'] })).subscribe(wire);
    channel(wire, 'room.1').subscribe();
    sendRows(wire);
  },
  'a token that is refused': () =>
    served(
      () => undefined,
      (url) => connect({ link: webSocket(url), token: 'wrong' }),
    ),
  'a source that fails': () => from(rows).pipe(map(() => { throw new Error('no row'); })).subscribe(nowhere()), // prettier-ignore
  'messages that cannot be encoded': () =>
    served(
      () => ({ id: 'ada' }),
      (url) => {
        const wire = connect({ link: webSocket(url) });
        for (let i = 0; i < 3; i++) wire.next(createMessage('row.added', () => i));
        void wire.send(createMessage('row.added', () => 3));
        setTimeout(() => wire.complete(), 300);
      },
    ),
  'several causes, while the wire is open': () =>
    served(
      () => ({ id: 'ada' }),
      (url) => {
        const wire = connect({ link: webSocket(url), maxFrame: 100_000 });
        const send = (count: number): void => {
          for (let i = 0; i < count; i++) wire.next(createMessage('file.added', { file: Buffer.from('tea') }));
          for (let i = 0; i < count; i++) wire.next(createMessage('index.added', new Map()));
          wire.next(createMessage('text.added', 'x'.repeat(200_000)));
        };
        send(3);
        process.once('warning', () => {
          say(wire.state.status);
          send(2);
          wire.send(createMessage('text.added', '')).then(() => wire.complete(), note);
        });
      },
    ),
  'more causes than are told apart': () =>
    served(
      () => ({ id: 'ada' }),
      (url) => {
        const wire = connect({ link: webSocket(url) });
        for (let i = 0; i < 52; i++) wire.next(createMessage(`row${String.fromCharCode(65 + (i % 26))}.added`, () => i));
        setTimeout(() => wire.complete(), 300);
      },
    ),
  'next that the hub refuses': () => refusing((room) => rows.forEach((row) => room.next(row))),
  'send that the hub refuses': () => refusing((room) => rows.forEach((row) => void room.send(row))),
  'a refusal in errors$ of the channel': () =>
    refusing((room) => {
      room.errors$.subscribe();
      room.next(rows[0]!);
      void room.send(rows[1]!);
    }),
  'await send that the hub refuses': () => refusing((room) => room.send(rows[0]!).catch(note)),
  'next that the hub accepts': () => onChannel(hub(), (room) => rows.forEach((row) => room.next(row))),
  'send without a hub': () =>
    onChannel(undefined, (room) => {
      void room.send(rows[0]!);
    }),
  'next without a hub': () => onChannel(undefined, (room) => rows.forEach((row) => room.next(row))),
  'send without an answer': () => onChannel(silentHub, (room) => void room.send(rows[0]!), 1_000),
  'a join without an answer': () => onChannel(undefined, (room) => room.subscribe(), 1_000),
  'send of a channel'() {
    const room = channel(givesUp(), 'room.1');
    for (const row of rows) void room.send(row);
  },
  'await send of a channel': () => channel(givesUp(), 'room.1').send(rows[0]!).catch(note),
  request: () => request(givesUp(), createMessage('status.get', null)).subscribe({ error: note }),
  'exit code of its own'() {
    process.exitCode = 7;
    sendRows(givesUp());
  },
  'onUnhandledError of RxJS'() {
    config.onUnhandledError = note;
    sendRows(givesUp());
  },
  'await send': () => givesUp().send(rows[0]!).catch(note),
  'all sends': () => Promise.all(rows.map((row) => wireOfAll.send(row))).catch(note),
  async 'await send of no message'() {
    const wire = givesUp();
    await wire.send(undefined as never).catch(note);
    wire.unsubscribe();
  },
  sendAll: () => lastValueFrom(sendAll(givesUp(), rows)).catch(note),
  'error callback'() {
    const wire = nowhere({ drainTimeout: 100 });
    wire.subscribe({ error: note });
    sendRows(wire);
    wire.complete();
  },
  errors$() {
    const wire = givesUp();
    wire.errors$.subscribe(({ code }) => code === 'ERR_RECONNECT_GIVEN_UP' && say('seen'));
    for (const row of rows) void wire.send(row);
  },
  failures$() {
    const wire = givesUp();
    let failures = 0;
    wire.failures$.subscribe({ next: () => failures++, complete: () => say(`seen ${failures}`) });
    sendRows(wire);
  },
  receipts$() {
    const wire = givesUp();
    wire.receipts$.subscribe({ complete: () => say('seen') });
    sendRows(wire);
  },
  unsubscribe() {
    const wire = givesUp();
    sendRows(wire);
    wire.unsubscribe();
  },
  'a policy that drops'() {
    const wire = nowhere({ maxQueued: 10, overflow: 'drop-oldest' });
    sendRows(wire);
    setTimeout(() => wire.unsubscribe(), 20);
  },
};
const wireOfAll = process.argv[2] === 'all sends' ? givesUp() : (undefined as never);

await programs[process.argv[2] ?? '']?.();
