import { backoffDelays } from '../../lib/operators/retryBackoff.js';
import { seeded } from '../support/seeded.js';

/** Clients that come back at the same time. All times are in ms. */
export interface WavePlan {
  readonly clients: number;
  /** The nodes that are left, among which a load balancer distributes the connections. */
  readonly nodes: number;
  /** The time of a node for one handshake, and for one that it refuses. */
  readonly handshake: number;
  readonly refusal: number;
  /** How long there is no node at all. */
  readonly downtime: number;
  /** The time within which the clients of a node that drains return, evenly; undefined: it was killed. */
  readonly spread?: number;
  /** The first and the longest delay of the clients, with full jitter. */
  readonly initialInterval: number;
  readonly maxInterval: number;
  /** The time after which a client gives an attempt up. */
  readonly timeout: number;
  /** A node refuses a handshake that would have to wait longer than this. @default Infinity */
  readonly longestWait?: number;
  readonly seed?: number;
}

export interface WaveResult {
  /** The times after which half, 99 % and all of the clients are back; Infinity: they are not, after five minutes. */
  readonly half: number;
  readonly most: number;
  readonly all: number;
  /** The attempts of a client: the mean, and the maximum. */
  readonly attempts: number;
  readonly mostAttempts: number;
  /** The longest time that a message of another client waits at a node. */
  readonly longestQueue: number;
  /** The handshakes that a node made for clients that had given up, in % of all. */
  readonly wasted: number;
}

/** When not all clients are back after this time, the wave does not end. */
const HORIZON = 5 * 60_000;

/**
 * Simulates the attempts of all clients. Each node makes one handshake after the other; a client that waits too long for its own tries again, and the node
 * makes the handshake in vain.
 */
export function simulateWave(plan: WavePlan): WaveResult {
  const { clients, nodes, handshake, refusal, downtime, spread, timeout, longestWait = Infinity, seed = 1 } = plan;
  const random = seeded(seed);
  const delayOf = backoffDelays({ initialInterval: plan.initialInterval, maxInterval: plan.maxInterval, jitter: 1, random });
  const attempts = new Uint16Array(clients);
  const freeAt = new Float64Array(nodes);
  const returns: number[] = [];
  /** The clients that try in each millisecond. */
  const due = new Map<number, number[]>();
  const schedule = (client: number, at: number): void => {
    const time = Math.ceil(at);
    const others = due.get(time);
    if (others) others.push(client);
    else due.set(time, [client]);
  };
  const retry = (client: number, now: number): void => schedule(client, now + delayOf((attempts[client] as number) - 1));
  let [longestQueue, made, wasted] = [0, 0, 0];

  const arrive = (client: number, now: number): void => {
    attempts[client] = (attempts[client] as number) + 1;
    if (now < downtime) {
      retry(client, now);
      return;
    }
    const node = Math.floor(random() * nodes);
    const begins = Math.max(now, freeAt[node] as number);
    const isRefused = begins - now > longestWait;
    freeAt[node] = begins + (isRefused ? refusal : handshake);
    longestQueue = Math.max(longestQueue, begins - now);
    if (isRefused) retry(client, now);
    else if (++made && begins + handshake - now <= timeout) returns.push(begins + handshake);
    else if (++wasted) retry(client, now + timeout);
  };

  // A client notices at once that its node was killed, and makes its first attempt after a delay.
  for (let client = 0; client < clients; client++) schedule(client, spread === undefined ? delayOf(0) : downtime + random() * spread);
  for (let now = 0; returns.length < clients && now < HORIZON; now++) {
    for (const client of due.get(now) ?? []) arrive(client, now);
    due.delete(now);
  }
  returns.sort((one, other) => one - other);
  const after = (share: number): number => (returns[Math.ceil(share * clients) - 1] ?? Infinity) - downtime;
  return {
    ...{ half: after(0.5), most: after(0.99), all: after(1) },
    attempts: attempts.reduce((sum, each) => sum + each, 0) / clients,
    mostAttempts: attempts.reduce((most, each) => Math.max(most, each), 0),
    longestQueue,
    wasted: (100 * wasted) / made,
  };
}
