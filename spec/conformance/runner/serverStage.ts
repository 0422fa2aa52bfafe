import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delay, map, of, Subject, timer, type Subscription } from 'rxjs';
import { WebSocket } from 'ws';
import { hub } from '../../../lib/server/hub/hub.js';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import type { Frame, Link } from '../../../lib/io/link.js';
import { listen, type ListenOptions } from '../../../lib/server/listen.js';
import type { Authenticate, Principal } from '../../../lib/server/principal.js';
import type { Wire } from '../../../lib/wire/wire.js';
import type { ClaimedInbox } from '../../../lib/stores/inbox.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { fakeStorage, type FakeStorage } from '../../stores/fakeStorage.js';
import { fakeInbox, type FakeInbox } from '../../support/fakeInbox.js';
import { Application } from './application.js';
import { Line } from './line.js';
import { lineOf } from './lineOf.js';
import type { Given } from './script.js';
import type { Stage } from './play.js';

/** Opens a connection of the tester. */
export type Dial = (url: string) => Promise<Line>;

/** A connection by the package `ws`. */
export const dialWebSocket: Dial = async (url) => {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const line = lineOf(socket);
  await once(socket, 'open');
  return line;
};

/** A connection over requests. */
export const dialLink =
  (make: (url: string) => Link<Frame>): Dial =>
  (url) => {
    const line = new Line();
    const outgoing$ = new Subject<Frame>();
    let subscription: Subscription | undefined;
    const begin = (): void =>
      void (subscription ??= make(url)(outgoing$).subscribe({
        next: line.receive,
        error: (error: unknown) => line.closed(error instanceof ConnectionLostError ? error.closeCode : 0),
        complete: () => line.closed(1000),
      }));
    const end = (code: number): void => (code === 1000 ? outgoing$.complete() : outgoing$.error(new ConnectionLostError(code, '')));
    line.carrier = {
      send: (frame) => {
        begin();
        outgoing$.next(frame);
      },
      close: (code) => (code === undefined ? subscription?.unsubscribe() : end(code)),
    };
    // The first request takes the first frame along, if there is one.
    setTimeout(begin, 5);
    return Promise.resolve(line);
  };

/** `listen`, to be tested by a script for a client. */
export async function serverStage(given: Given, isWatching: boolean, dial: Dial, options: ListenOptions = {}): Promise<Stage> {
  let app = new Application(given.holds === true, isWatching);
  let inbox = fakeInbox();
  let outboxes = new Map<string, FakeStorage>();
  const outbox = (pid: string) => {
    const storage = outboxes.get(pid) ?? fakeStorage();
    outboxes.set(pid, storage);
    return webStorageOutbox('conformance', { storage, locks: false });
  };
  const start = async () => {
    const http = createServer();
    const shutdown$ = new Subject<void>();
    const { window, bytes: windowBytes, maxFrame, ping: pingInterval, handshake: handshakeTimeout, durable, tokens } = given;
    const known = { window, windowBytes, maxFrame, pingInterval, handshakeTimeout };
    const set = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
    const wires$ = listen<Principal | undefined>(http, {
      ...(options as ListenOptions<Principal | undefined>),
      ...set,
      codecs: (given.codecs ?? ['json']).map((name) => (name === 'json' ? json() : msgpack())),
      system: { shutdown: false },
      retryAfter: 0,
      ...(durable && { inbox: slowed(inbox, given.slowStore ?? 0), outbox }),
      // A script may have a token whose check fails; without `onRefused` this is a warning of the process.
      ...(tokens && { authenticate: authenticateBy(tokens, given.looks ?? 0), onRefused: () => undefined }),
      shutdown$,
    });
    const served = given.hub
      ? hub({ authorize: ({ channel, action }) => channel !== 'secret' && !(channel === 'kept' && action === 'end') })
      : undefined;
    const running = wires$.subscribe((wire: Wire) => {
      if (served) served.serve(wire);
      else app.use(wire);
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const close = async (): Promise<void> => {
      running.unsubscribe();
      http.close();
      http.closeAllConnections();
      if (http.listening) await once(http, 'close');
    };
    return { url: `http://127.0.0.1:${port}/wire`, close, stop: () => shutdown$.next() };
  };
  let server = await start();

  return {
    app: () => app,
    connection: () => dial(server.url),
    stop: () => server.stop(),
    async restart(keeps) {
      await server.close();
      if (!keeps) [inbox, outboxes] = [fakeInbox(), new Map<string, FakeStorage>()];
      const before = app;
      app = new Application(given.holds === true, isWatching);
      app.got.push(...before.got);
      for (const [id, outcome] of before.outcomes) app.outcomes.set(id, outcome);
      server = await start();
    },
    checkNoConnection: () => undefined,
    close: () => server.close(),
  };
}

/** An inbox that takes its time to read. */
function slowed(inbox: FakeInbox, ms: number): FakeInbox {
  return ms === 0 ? inbox : { ...inbox, claim: (pid, decide) => timer(ms).pipe(map(() => inbox.claim(pid, decide) as ClaimedInbox)) };
}

function authenticateBy(tokens: NonNullable<Given['tokens']>, looks: number): Authenticate<Principal> {
  return ({ token = '' }) => {
    const known = tokens[token];
    if (!known) return undefined;
    const [id, expires] = known;
    if (id === undefined) throw new Error('the directory of the users is down');
    const principal = { id, ...(expires !== undefined && { expiresAt: Date.now() + expires }) };
    return looks > 0 ? of(principal).pipe(delay(looks)) : principal;
  };
}
