import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { connect, type ConnectOptions } from '../../../lib/wire/connect.js';
import { fakeStorage } from '../../stores/fakeStorage.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { Application } from './application.js';
import type { Line } from './line.js';
import { lineOf } from './lineOf.js';
import type { Stage } from './play.js';
import type { Given } from './script.js';

/** `connect`, to be tested by a script for a server. */
export async function clientStage(given: Given, isWatching: boolean): Promise<Stage> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const waiting: Line[] = [];
  let arrived = (): void => undefined;
  server.on('connection', (socket) => {
    const line = lineOf(socket);
    waiting.push(line);
    arrived();
  });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  let storage = fakeStorage();
  let inbox = fakeInbox();
  let tokens = Object.keys(given.tokens ?? {});
  let app: Application;
  const start = (): void => {
    app = new Application(given.holds === true, isWatching);
    const { delivery = 'at-least-once', window, bytes: windowBytes, maxFrame, handshake: handshakeTimeout } = given;
    const known = { window, windowBytes, maxFrame, handshakeTimeout };
    const set = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
    const [first = json(), ...others] = (given.codecs ?? ['json']).map((name) => (name === 'json' ? json() : msgpack()));
    const options: ConnectOptions = {
      link: webSocket(url),
      id: 'client',
      delivery,
      codec: [first, ...others],
      reconnect: { initialInterval: 1, maxInterval: 1 },
      ...set,
      ...(given.durable && { outbox: webStorageOutbox('conformance', { storage, locks: false }), inbox }),
      ...(given.tokens && { token: () => (tokens.length > 1 ? tokens.shift()! : tokens[0]!) }),
    };
    app.use(connect(options));
  };
  start();

  return {
    app: () => app,
    async connection() {
      const late = setTimeout(() => arrived(), 2_000);
      if (waiting.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
      clearTimeout(late);
      const line = waiting.shift();
      if (!line) throw new Error('expected a connection, none came');
      return line;
    },
    stop: () => undefined,
    restart(keeps) {
      app.abandon();
      if (!keeps) [storage, inbox] = [fakeStorage(), fakeInbox()];
      tokens = Object.keys(given.tokens ?? {});
      start();
      return Promise.resolve();
    },
    checkNoConnection() {
      if (waiting.length > 0) throw new Error('expected no connection, one came');
    },
    async close() {
      app.abandon();
      server.clients.forEach((socket) => socket.terminate());
      server.close();
      await once(server, 'close');
    },
  };
}
