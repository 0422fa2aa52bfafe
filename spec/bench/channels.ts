import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { filter, firstValueFrom, Subject, take } from 'rxjs';
import { WebSocket } from 'ws';
import { channel, connect, msgpack, webSocket } from '../../lib/index.js';
import { median, perSecond, type Result, type Suite } from './bench.js';
import { fanOuts } from './fanOut.js';
import { startServer, type RemoteServer } from './servers/server.js';

const SUBSCRIBERS = 1_000;
const AT_ONCE = 50;
const ROUNDS = 7;
/** Messages that each subscriber gets in a round. */
const MESSAGES = 32;

/** Opens a connection that calls back with each message, and resolves when it gets them. */
type Join = (url: string, onMessage: () => void) => Promise<void>;

const joinChannel: Join = async (url, onMessage) => {
  const wire = connect({ link: webSocket(url), codec: msgpack() });
  const room = channel(wire, 'room');
  room.subscribe(onMessage);
  await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
};

const listenToSocket: Join = async (url, onMessage) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('message', onMessage);
  await once(socket, 'open');
};

/** A server that sends to all who have joined it. */
interface Fan {
  readonly server: RemoteServer;
  /** What it works for a message to one of them, in ms. */
  run(): Promise<number>;
}

async function fan(kind: string, join: Join, burst: number): Promise<Fan> {
  const server = await startServer(kind, { burst });
  const complete$ = new Subject<void>();
  let received = 0;
  const onMessage = (): void => {
    if (++received === SUBSCRIBERS * burst) complete$.next();
  };
  for (let count = 0; count < SUBSCRIBERS; count += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, () => join(server.url, onMessage)));
  const publish = async (): Promise<void> => {
    received = 0;
    const completed = firstValueFrom(complete$.pipe(take(1)));
    server.publish();
    await completed;
  };
  return {
    server,
    async run() {
      const before = await server.cpu();
      for (let sent = 0; sent < MESSAGES; sent += burst) await publish();
      // The last acks are work, too.
      await sleep(50);
      return ((await server.cpu()) - before) / (SUBSCRIBERS * MESSAGES);
    },
  };
}

async function compared(burst: number): Promise<Result> {
  const [ours, theirs] = [await fan('channels', joinChannel, burst), await fan('broadcast', listenToSocket, burst)];
  for (const { run } of [ours, theirs]) await run();
  const rounds: (readonly [ours: number, theirs: number])[] = [];
  while (rounds.length < ROUNDS) rounds.push([await ours.run(), await theirs.run()]);
  await Promise.all([ours.server.stop(), theirs.server.stop()]);
  const ratios = rounds.map(([our, their]) => their / our);
  return {
    name: `${SUBSCRIBERS.toLocaleString('en')} subscribers, ${burst} at once, 100 B`,
    baseline: 'ws + msgpackr, no acks',
    ours: perSecond(1_000 / median(rounds.map(([our]) => our))),
    theirs: perSecond(1_000 / median(rounds.map(([, their]) => their))),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
  };
}

export const suite: Suite = [() => compared(1), () => compared(16), ...fanOuts];
