/**
 * The programs by which `npm run runtimes` tests `rxwire/fetch`: a server for Bun and Deno, one in a Durable Object, and their client, which runs on Node.
 * A server answers each number, and stores it once. Its requests for `/numbers` return the stored numbers.
 */
export const FETCH_SERVER = `
import process from 'node:process';
import { Hono } from 'hono';
import { consume, createMessage, gzipped, json, msgpack, ofType } from 'rxwire';
import { fetchHandler } from 'rxwire/fetch';

const authenticate = ({ request, token }) => (token === 'wrong' ? undefined : { id: request.headers.get('user-agent') ?? 'none' });
const { wires$, fetch, websocket } = fetchHandler({ authenticate, maxFrame: 200_000, codecs: [gzipped(msgpack()), json()] });
const numbers = [];
wires$.subscribe((wire) => {
  const answer = ({ payload }) => {
    numbers.push(payload.number);
    wire.next(createMessage('answer', payload.number));
  };
  wire.pipe(ofType('number'), consume(answer)).subscribe();
});
const app = new Hono();
app.get('/numbers', (context) => context.json(numbers.splice(0)));
app.all('/wire', (context) => fetch(context.req.raw, context.env));
const handle = (request, context) => {
  if (process.argv.includes('hono')) return app.fetch(request, context);
  if (new URL(request.url).pathname === '/numbers') return Response.json(numbers.splice(0));
  return fetch(request, context);
};
const server = globalThis.Bun
  ? Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: handle, websocket })
  : Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: () => undefined }, handle).addr;
console.log('port ' + server.port);
`;

/** Hibernates if the host says so. Aborts itself at a request for \`/restart\`: the object then starts again. */
export const WORKER = `
import { consume, createMessage, gzipped, json, msgpack, ofType } from 'rxwire';
import { durableObjectStore } from 'rxwire/durable-objects';
import { fetchHandler } from 'rxwire/fetch';

const authenticate = ({ request, token }) => (token === 'wrong' ? undefined : { id: request.headers.get('user-agent') ?? 'none' });

export class Wires {
  constructor(ctx, { HIBERNATES }) {
    const { sql } = ctx.storage;
    sql.exec('create table if not exists numbers (number integer); create table if not exists starts (date integer)');
    sql.exec('insert into starts values (?)', Date.now());
    const { inbox, outbox } = durableObjectStore(ctx.storage);
    // There is no zlib: fflate compresses.
    if (globalThis.process?.getBuiltinModule?.('node:zlib')) throw new Error('there is a zlib');
    const codecs = [gzipped(msgpack()), json()];
    const options = { authenticate, maxFrame: 200_000, codecs, inbox, outbox, ...(HIBERNATES && { hibernation: ctx, pingInterval: 1_000 }) };
    const { wires$, fetch, hibernation } = fetchHandler(options);
    Object.assign(this, hibernation);
    const effect = (transaction, { payload }) => transaction.exec('insert into numbers values (?)', payload.number);
    wires$.subscribe((wire) => {
      wire.pipe(ofType('number'), consume(({ payload }) => wire.next(createMessage('answer', payload.number)), { effect })).subscribe();
    });
    this.fetch = (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/restart') ctx.abort('restart');
      if (pathname === '/starts') return Response.json(sql.exec('select count(*) as count from starts').one().count);
      if (pathname !== '/numbers') return fetch(request);
      const numbers = sql.exec('select number from numbers order by rowid').toArray().map(({ number }) => number);
      sql.exec('delete from numbers');
      return Response.json(numbers);
    };
  }
}
export default { fetch: (request, { WIRES }) => WIRES.get(WIRES.idFromName('all')).fetch(request) };
`;

/** Runs the worker in workerd: its arguments are the bundle, and whether the object hibernates. */
export const WORKER_HOST = `
import { Miniflare } from 'miniflare';

const miniflare = new Miniflare({
  modules: true,
  scriptPath: process.argv[2],
  compatibilityDate: '2026-01-01',
  compatibilityFlags: process.argv[2].includes('storeWorker') ? ['nodejs_compat'] : [],
  bindings: { HIBERNATES: process.argv[3] === 'hibernates' },
  durableObjects: { WIRES: { className: 'Wires', useSQLite: true } },
  handleRuntimeStdio: () => undefined,
});
console.log('port ' + new URL(await miniflare.ready).port);
process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit()));
`;

/** Sends numbers over each transport, while a proxy cuts the connections, and the object restarts if the second argument is \`restart\`. */
export const FETCH_CLIENT = `
import { connect as connectTcp, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { lastValueFrom, map, takeWhile, timeout } from 'rxjs';
import { connect, createMessage, gzipped, longPolling, msgpack, ofType, serverSentEvents, webSocket } from 'rxwire';

const [port, restart] = process.argv.slice(2);
const sockets = new Set();
const proxy = createServer((socket) => {
  const target = connectTcp(Number(port), '127.0.0.1');
  const end = () => {
    socket.destroy();
    target.destroy();
    sockets.delete(socket);
  };
  sockets.add(socket);
  for (const one of [socket, target]) one.on('error', end).on('close', end);
  socket.pipe(target).pipe(socket);
});
await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
const url = 'ws://127.0.0.1:' + proxy.address().port + '/wire';
const get = (path) => fetch('http://127.0.0.1:' + port + path);
const numbers = Array.from({ length: 600 }, (_, number) => number);
const fail = (text) => {
  throw new Error(text);
};

for (const link of [webSocket, serverSentEvents, longPolling]) {
  const wire = connect({ link: link(url), codec: gzipped(msgpack()), delivery: 'exactly-once', reconnect: { initialInterval: 20, maxInterval: 200 } });
  let lost = 0;
  wire.errors$.subscribe(() => lost++);
  const answers = [];
  const answered$ = wire.pipe(ofType('answer'), map(({ payload }) => answers.push(payload)), takeWhile(() => new Set(answers).size < numbers.length));
  const answered = lastValueFrom(answered$.pipe(timeout(20_000)), { defaultValue: 0 });
  for (const number of numbers) {
    wire.next(createMessage('number', { number, text: number % 2 ? 'x'.repeat(1_000) : new Uint8Array(1_000) }));
    if (number % 200 !== 199) continue;
    await setTimeout(100);
    if (restart) await get('/restart').catch(() => undefined);
    for (const socket of sockets) socket.destroy();
  }
  await answered;
  const stored = await (await get('/numbers')).json();
  if (stored.join() !== numbers.join()) fail(wire.state.protocol + ' has stored ' + stored.join());
  // A handler that the restart has ended runs again: its answer is another message.
  if ((restart ? [...new Set(answers)] : answers).join() !== numbers.join()) fail(wire.state.protocol + ' has answered ' + answers.join());
  if (lost === 0) fail(wire.state.protocol + ' has lost no connection');
  const ended = new Promise((complete, error) => wire.subscribe({ complete, error }));
  wire.complete();
  await ended;
  const refused = connect({ link: link(url), token: 'wrong', reconnect: false });
  const error = await new Promise((error) => refused.subscribe({ error, complete: error }));
  if (error?.closeCode !== 4401) fail(wire.state.protocol + ' has not refused the token: ' + error);
  console.log(wire.state.protocol);
}
// A frame that is too large closes the connection with 1009.
const socket = new (await import('ws')).WebSocket(url);
await new Promise((done) => socket.once('open', done));
socket.send('x'.repeat(300_000));
const code = await new Promise((done) => socket.once('close', done));
if (code !== 1009) fail('a large frame was closed with ' + code);
process.exit(0);
`;

/** Sends numbers over two WebSockets to an object that hibernates in between: workerd evicts an object that is idle for 10 s. */
export const HIBERNATION_CLIENT = `
import { setTimeout } from 'node:timers/promises';
import { connect, createMessage, ofType, webSocket } from 'rxwire';

const address = '127.0.0.1:' + process.argv[2];
const get = async (path) => (await fetch('http://' + address + path)).json();
const ROUNDS = 3;
const EACH = 100;
const fail = (text) => {
  throw new Error(text);
};
const numbersOf = (round, index) => Array.from({ length: EACH }, (_, number) => (round * 2 + index) * EACH + number);

const open = () => {
  const wire = connect({ link: webSocket('ws://' + address + '/wire'), delivery: 'exactly-once' });
  const [sent, answers, errors] = [[], [], []];
  wire.errors$.subscribe((error) => errors.push(error));
  wire.pipe(ofType('answer')).subscribe(({ payload }) => answers.push(payload));
  return { wire, sent, answers, errors };
};
const clients = [open(), open()];
for (let round = 0; round < ROUNDS; round++) {
  for (const [index, { wire, sent }] of clients.entries())
    for (const number of numbersOf(round, index)) {
      wire.next(createMessage('number', { number }));
      sent.push(number);
    }
  await setTimeout(1_000);
  for (const { sent, answers, errors } of clients) {
    if (errors.length > 0) fail(errors.join());
    if (answers.join() !== sent.join()) fail('round ' + round + ' has answered ' + answers.join());
  }
  // The timers of the handshakes end first. The clients ping each second.
  if (round < ROUNDS - 1) await setTimeout(17_000);
}
const starts = await get('/starts');
const numbers = await get('/numbers');
const isOnce = new Set(numbers).size === numbers.length && numbers.length === ROUNDS * 2 * EACH;
if (!isOnce) fail('the object has stored ' + numbers.join());
if (starts !== ROUNDS) fail('the object has started ' + starts + ' times');
console.log('passed');
process.exit(0);
`;

/** Runs each case of spec/stores/durableobject/storeWorker.ts. */
export const STORE_CASES = `
const url = 'http://127.0.0.1:' + process.argv[2] + '/';
const titles = await (await fetch(url + 'titles')).json();
for (const [index, title] of titles.entries()) {
  const fault = await (await fetch(url + index)).text();
  if (fault) throw new Error(title + ': ' + fault);
}
console.log(titles.length + ' cases passed');
`;
