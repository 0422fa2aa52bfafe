import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createLane, FAIR, type Lane, type Weather } from './lane.js';

interface Pair {
  /** To the client. */
  readonly near: Socket;
  /** To the target. */
  readonly far: Socket;
  readonly lanes: readonly Lane[];
}

/** What befalls both directions: `up` goes to the target. */
export interface Climate {
  readonly up?: Partial<Weather>;
  readonly down?: Partial<Weather>;
}

/** What has begun to end cannot be reset: libuv refuses that, and Node then never lets go of the socket, nor of the process. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** A TCP proxy in front of a port: it swallows, delays, slices, resets and refuses, as it is told. */
export async function tcpProxy(target: number) {
  const pairs = new Set<Pair>();
  const orphans: Socket[] = [];
  let climate: Climate = {};
  let aim = target;

  const lanesOf = (near: Socket, far: Socket): readonly Lane[] => [
    createLane(near, far, () => ({ ...FAIR, ...climate.up })),
    createLane(far, near, () => ({ ...FAIR, ...climate.down })),
  ];
  const server = createServer((near) => {
    const far = connect(aim, '127.0.0.1');
    const pair = { near, far, lanes: lanesOf(near, far) };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!pairs.delete(pair)) return;
        near.destroy();
        far.destroy();
      });
    }
  });
  const open = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await open(0);
  const { port } = server.address() as AddressInfo;

  const cut = (): number => {
    const live = [...pairs];
    live.flatMap(({ near, far }) => [near, far]).forEach(reset);
    return live.length;
  };
  /** Resets one end of every connection, and leaves the other as it is. */
  const cutOne = (end: 'near' | 'far'): number => {
    const live = [...pairs];
    for (const pair of live) {
      pairs.delete(pair);
      pair.lanes.forEach((lane) => lane.stop());
      orphans.push(pair[end === 'near' ? 'far' : 'near']);
      reset(pair[end]);
    }
    return live.length;
  };
  return {
    port,
    /** The target is somewhere else now, for connections to come. */
    aim: (newer: number): void => void (aim = newer),
    /** What befalls all connections from now on, also those to come; what is not told is fair. */
    weather(newer: Climate): void {
      climate = newer;
      for (const { lanes } of pairs) lanes.forEach((lane) => lane.refresh());
    },
    /** Resets every connection, and tells how many there were. */
    cut,
    /** Resets every connection for the client only: to the target it lives on, without a word. */
    cutNear: (): number => cutOne('near'),
    /** Resets every connection for the target only: to the client it lives on, without a word. */
    cutFar: (): number => cutOne('far'),
    /** Swallows all that comes from either side from now on over the connections there are, without a word. */
    freeze: (): void => [...pairs].flatMap(({ lanes }) => lanes).forEach((lane) => lane.stop()),
    /** Refuses connections until {@link accept}; those there are stay. */
    refuse: (): void => void server.close(),
    accept: (): Promise<void> => open(port),
    close: async (): Promise<void> => {
      const closed = server.listening && once(server, 'close');
      server.close();
      cut();
      orphans.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

export type TcpProxy = Awaited<ReturnType<typeof tcpProxy>>;
