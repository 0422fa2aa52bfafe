import type { SessionFrame } from '../support/protocol/frames.js';
import type { Life } from './life.js';
import { type Connection, type Side } from './network.js';

/** Knows when a process could send messages: a message that was stored at no such time, and before none, was never sent. */
export interface Sendable {
  /** Called with each frame that is sent. The first one after the handshake shows that its side may send. */
  sent(connection: Connection, from: Side, frame: SessionFrame): void;
  /** Called with each frame that is taken. Who takes a welcome, or the answer to one, may send, also when it dies before its first frame. */
  taken(connection: Connection, by: Side, frame: SessionFrame): void;
  /** Returns whether a process has a connection over which it may send. */
  isNow(life: Life, side: Side): boolean;
  /** Returns when a side last began to send over a connection, in ms; -1 if never. */
  lastAt(side: Side): number;
}

export function createSendable(now: () => number): Sendable {
  const lastAt: Record<Side, number> = { client: -1, server: -1 };
  let begun: { readonly connection: Connection; readonly from: Side }[] = [];
  const begin = (connection: Connection, from: Side): void => {
    if (begun.some((one) => one.connection === connection && one.from === from)) return;
    begun = [...begun.filter((one) => one.connection.ends[one.from].isOpen), { connection, from }];
    lastAt[from] = now();
  };
  return {
    sent(connection, from, { kind }) {
      if (kind !== 'hello' && kind !== 'welcome' && kind !== 'bye') begin(connection, from);
    },
    taken(connection, by, { kind }) {
      if (by === 'client' ? kind === 'welcome' : kind !== 'hello') begin(connection, by);
    },
    isNow: (life, side) =>
      begun.some(
        // A process that dies in this step could send until then.
        ({ connection: { ends }, from }) => from === side && ends[side].life === life && (ends[side].isOpen || !life.isAlive()),
      ),
    lastAt: (side) => lastAt[side],
  };
}
