import type { Hello } from '../../support/protocol/handshake.js';
import type { InboxLease } from '../../../lib/stores/inbox.js';
import type { Life } from '../life.js';
import type { Connection } from '../network.js';
import type { Violate } from './violation.js';

/** A session writes its record and its cursor at the same time. */
const MOST_FENCES = 2;

/** Several servers on one store: the cursor of a client never falls, and a session that has lost its client acks nothing. */
export function createOwnerChecks(violate: Violate) {
  let count = 0;
  const welcomes = new WeakMap<Connection, { readonly pid: string; readonly order: number }>();
  /** The latest welcome, when a process has learned that its session has lost its client. */
  const fences = new WeakMap<InboxLease, number>();
  const fencedAt = new Map<string, number>();
  const keyOf = (life: Life, pid: string): string => `${life.name} ${pid}`;

  return {
    committed(pid: string, before: number, after: number): void {
      if (after < before) violate('owner', `the cursor of ${pid} falls from ${before} to ${after}`);
    },
    /** A session learns that it has lost its client. What it was writing at the same time may tell it again. */
    fenced(life: Life, lease: InboxLease): void {
      fencedAt.set(keyOf(life, lease.pid), count);
      const times = (fences.get(lease) ?? 0) + 1;
      fences.set(lease, times);
      if (times > MOST_FENCES) violate('owner', `${life.name} is fenced, and goes on writing`);
    },
    welcomed: (connection: Connection, { pid }: Hello): void => void welcomes.set(connection, { pid, order: ++count }),
    /** A server acks something. */
    acked(connection: Connection): void {
      const { pid, order } = welcomes.get(connection) ?? { pid: '', order: 0 };
      const { life } = connection.ends.server;
      if (order <= (fencedAt.get(keyOf(life, pid)) ?? -1)) violate('owner', `${life.name} acks over ${connection.name}, and is fenced`);
    },
  };
}
