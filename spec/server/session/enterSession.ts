import type { Principal } from '../../../lib/server/principal.js';
import type { ServeOptions } from '../../../lib/server/serve.js';
import { startVirtual, turns } from '../virtual.js';

/** Starts a server on virtual time, enters a client, and waits until nothing is left of its handshake. */
export async function enterSession(options: ServeOptions<Principal | undefined>, fields: object = {}) {
  const server = startVirtual(options);
  const client = await server.enter(fields);
  await server.pass(100);
  /** Returns the frames that the server has sent since the handshake. */
  const sent = async (): Promise<readonly string[]> => {
    await turns();
    return client.frames.values.slice(2).map(String);
  };
  return { ...client, server, wire: server.wires[0]!, sent };
}

/** Returns the ids of the messages in frames, in the order of sending. */
export function idsIn(frames: readonly unknown[]): readonly string[] {
  return [...frames.join().matchAll(/"id":"([^"]*)"/g)].map(([, id]) => id!);
}
