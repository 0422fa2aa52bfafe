import type { Principal } from '../../../lib/server/principal.js';
import type { ServeOptions } from '../../../lib/server/serve.js';
import { startVirtual, turns } from '../virtual.js';

/** For `describe.each`: the same session on a server that lets sessions hibernate after 20 ms, and on one that does not. */
export const states = [
  ['awake', Infinity],
  ['hibernating', 20],
] as const;

/** Starts a server on virtual time, enters a client, and waits until its session hibernates, where `hibernateAfter` lets it. */
export async function enterSession(options: ServeOptions<Principal | undefined>, fields: object = {}) {
  const server = startVirtual(options);
  const client = await server.enter({ lazyAcks: true, ...fields });
  /** One timer is for all sessions that hibernate. A session that is awake has one for its heartbeat, and one to hibernate if it may. */
  const isHibernating = (): boolean => options.hibernateAfter !== Infinity && server.scheduler.actions.length === 1;
  await server.pass(100);
  expect(isHibernating()).toBe((options.hibernateAfter ?? 0) <= 100);
  /** Returns the frames that the server has sent since the handshake. */
  const sent = async (): Promise<readonly string[]> => {
    await turns();
    return client.frames.values.slice(2).map(String);
  };
  return { ...client, server, wire: server.wires[0]!, isHibernating, sent };
}

/** Returns the ids of the messages in frames, in the order of sending. */
export function idsIn(frames: readonly unknown[]): readonly string[] {
  return [...frames.join().matchAll(/"id":"([^"]*)"/g)].map(([, id]) => id!);
}
