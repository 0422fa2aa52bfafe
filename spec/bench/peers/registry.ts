import type { Peer, Variant } from './peer.js';

/** Loads a peer. Only the process that uses a peer loads its packages. */
export const peers: Readonly<Record<string, () => Promise<Peer>>> = {
  rxwire: async () => (await import('./kinds/rxwire.js')).rxwire,
  ws: async () => (await import('./kinds/ws.js')).ws,
  rxjs: async () => (await import('./kinds/ws.js')).rxjs,
  socketIo: async () => (await import('./kinds/socketIo.js')).socketIo,
  signalR: async () => (await import('./kinds/signalR.js')).signalR,
  mqtt: async () => (await import('./kinds/mqtt.js')).mqtt,
  rsocket: async () => (await import('./kinds/rsocket.js')).rsocket,
  graphqlWs: async () => (await import('./kinds/graphqlWs.js')).graphqlWs,
  natsCore: async () => (await import('./kinds/nats.js')).natsCore,
  jetStream: async () => (await import('./kinds/nats.js')).jetStream,
};

/** A row of a table: a peer with its settings. */
export interface Side {
  readonly peer: string;
  readonly variant?: Variant;
}

/** By the title of the row. */
export type Sides = Readonly<Record<string, Side>>;

/** The sides but for some, by their titles. */
export function without(sides: Sides, ...titles: readonly string[]): Sides {
  return Object.fromEntries(Object.entries(sides).filter(([title]) => !titles.includes(title)));
}

export const BASELINE = 'ws + msgpackr';

/** The levels of delivery of rxwire. At-most-once has no acks: the server answers each message with a message. */
export const RXWIRE = {
  'rxwire, at-most-once': { peer: 'rxwire', variant: { delivery: 'at-most-once', echo: true } },
  'rxwire, at-least-once': { peer: 'rxwire', variant: { delivery: 'at-least-once' } },
  'rxwire, exactly-once': { peer: 'rxwire', variant: { delivery: 'exactly-once' } },
} as const;

/** All peers that ack each message, with plain ws first. */
export const ACKING: Sides = {
  [BASELINE]: { peer: 'ws' },
  ...RXWIRE,
  'RxJS webSocket()': { peer: 'rxjs' },
  'socket.io': { peer: 'socketIo' },
  SignalR: { peer: 'signalR' },
  'graphql-ws': { peer: 'graphqlWs' },
  'rsocket-js': { peer: 'rsocket' },
  'MQTT, QoS 0': { peer: 'mqtt', variant: { qos: 0 } },
  'MQTT, QoS 1': { peer: 'mqtt', variant: { qos: 1 } },
  'MQTT, QoS 2': { peer: 'mqtt', variant: { qos: 2 } },
  'NATS core': { peer: 'natsCore' },
  'NATS JetStream': { peer: 'jetStream' },
};
