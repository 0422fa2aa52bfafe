import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { firstValueFrom, Subject, timeout, VirtualTimeScheduler } from 'rxjs';
import { hub } from '../../../lib/server/hub/hub.js';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { CloseCode } from '../../../lib/message/closeCode.js';
import { longPolling } from '../../../lib/io/longPolling.js';
import { serverSentEvents } from '../../../lib/io/serverSentEvents.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { listen, type ListenOptions } from '../../../lib/server/listen.js';
import type { Principal } from '../../../lib/server/principal.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { codecs } from './conversation.js';

export interface TargetOptions {
  /** What the application does with each wire, besides answering. */
  readonly onWire?: (wire: Wire) => void;
  /** What is other than usual. */
  readonly listening?: ListenOptions<Principal>;
}

/** How long what is left over may take to go, by the clock of the server, in ms: polls that nobody asks for again, wires that wait. */
const MAX_LIFE = 20_000;
/** By how much the clock goes on at once: less than would make good clients late. */
const STEP = 2_000;
const PROTOTYPES = [Object.prototype, Array.prototype, Map.prototype, Function.prototype];

/** A server whose clock we turn, and a good client of each transport. */
export async function startTarget({ onWire, listening }: TargetOptions) {
  const scheduler = new VirtualTimeScheduler();
  const server = createServer((_, response) => response.writeHead(404).end());
  const faults: string[] = [];
  const sockets = createVisitors();
  let [wires, live, messages, floods] = [0, 0, 0, 0];
  const hall = hub({ scheduler });
  const serving = listen(server, {
    ...{
      scheduler,
      codecs,
      maxFrame: 64 * 1024,
      maxIdleFrames: 100,
      window: 64,
      handshakeTimeout: 2_000,
      detachedTimeout: 3_000,
      maxPerPrincipal: 1_000,
      // All conversations come from one address.
      connectionRate: false,
    },
    authenticate: ({ token = '' }) => (token === 'nobody' ? undefined : { id: token || 'somebody' }),
    ...listening,
  }).subscribe((wire) => {
    wires++;
    live++;
    hall.serve(wire);
    wire.errors$.subscribe((error) => {
      if (error instanceof ConnectionLostError && error.closeCode === CloseCode.FLOOD) floods++;
    });
    onWire?.(wire);
    wire.subscribe({
      next(message) {
        messages++;
        if (message.type === 'test.echo') wire.next(createMessage('test.echo', message.payload));
      },
      complete: () => live--,
    });
  });
  server.on('connection', sockets.enter);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/wire`;
  const fault = (text: string): void => {
    if (faults.length < 10) faults.push(text);
  };
  const good = [webSocket(url), serverSentEvents(url), longPolling(url)].map((link) => {
    const wire = connect({ link, token: () => 'good', reconnect: false });
    wire.errors$.subscribe((error) => fault(`a good client of ${wire.state.protocol}: ${error.code} ${error.message}`));
    wire.subscribe({ error: () => undefined });
    return wire;
  });
  const goesOn = async (): Promise<void> => {
    await Promise.all(good.map((wire) => wire.send(createMessage('test.echo', null)).catch(() => fault('a good client is not served'))));
    await setImmediate();
  };
  const pass = (time: number): void => {
    scheduler.maxFrames = scheduler.now() + time;
    scheduler.flush();
    // Where nothing was due, time goes on all the same.
    scheduler.frame = scheduler.maxFrames;
  };
  const names = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);
  return {
    port,
    faults,
    fault,
    goesOn,
    pass,
    /** All that was left over has had the time to go. */
    async settle(): Promise<void> {
      for (let passed = 0; passed < MAX_LIFE; passed += STEP) {
        await goesOn();
        pass(STEP);
      }
      await goesOn();
      PROTOTYPES.forEach((prototype, index) => Reflect.ownKeys(prototype).length === names[index] || fault('a prototype has changed'));
    },
    ...{ accepted: sockets.accepted, left: sockets.left },
    /** What there is: the same, as often as all but the good clients have gone. */
    rest: () => `${live} wires, ${scheduler.actions.length} timers`,
    counted: () => ({ wires: wires - good.length, messages, floods }),
    async close(): Promise<void> {
      good.forEach((wire) => wire.unsubscribe());
      serving.unsubscribe();
      server.close();
      server.closeAllConnections();
      await sockets.empty();
    },
  };
}

/** The sockets of a server, by the ports of the clients. One that the server does not let go of is an error in the end. */
function createVisitors() {
  const open = new Map<number, Socket>();
  const changed$ = new Subject<void>();
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await firstValueFrom(changed$.pipe(timeout(20_000)));
  };
  return {
    enter(socket: Socket): void {
      const port = socket.remotePort!;
      open.set(port, socket);
      changed$.next();
      socket.on('close', () => {
        open.delete(port);
        changed$.next();
      });
    },
    accepted: (port: number): Promise<void> => until(() => open.has(port)),
    left: (port: number): Promise<void> => until(() => !open.has(port)),
    empty: (): Promise<void> => until(() => open.size === 0),
  };
}

export type Target = Awaited<ReturnType<typeof startTarget>>;
