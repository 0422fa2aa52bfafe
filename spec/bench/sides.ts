import { startClient, type RemoteClient } from './clients/client.js';
import type { ClientOptions } from './clients/clients.js';
import { startServer, type RemoteServer } from './servers/server.js';

/** A server and its client, each in a process of its own. */
export interface Side {
  readonly server: RemoteServer;
  readonly client: RemoteClient;
}

/** The kind of its server and of its client, and the options of both. */
export interface SideSetup {
  readonly server: string;
  readonly client: string;
  readonly serverOptions?: object;
  readonly clientOptions: ClientOptions;
}

export async function startSide({ server: kind, client, serverOptions = {}, clientOptions }: SideSetup): Promise<Side> {
  const server = await startServer(kind, serverOptions);
  return { server, client: await startClient(client, server.url, clientOptions) };
}

export async function stopSides(sides: Readonly<Record<string, Side>>): Promise<void> {
  await Promise.all(Object.values(sides).flatMap(({ server, client }) => [server.stop(), client.stop()]));
}

/** One value for each side. */
export type Turns<K extends string, T> = Readonly<Record<K, T>>;

/** Measures the sides in turns, in each round from another one on: what slows the machine down for a while slows down all. */
export async function roundsOf<K extends string, S, T>(
  sides: Readonly<Record<K, S>>,
  count: number,
  turn: (side: S) => Promise<T>,
): Promise<readonly Turns<K, T>[]> {
  const names = Object.keys(sides) as K[];
  const rounds: Turns<K, T>[] = [];
  while (rounds.length < count) {
    const first = rounds.length % names.length;
    const values: Partial<Record<K, T>> = {};
    for (const name of [...names.slice(first), ...names.slice(0, first)]) values[name] = await turn(sides[name]);
    rounds.push(values as Turns<K, T>);
  }
  return rounds;
}
