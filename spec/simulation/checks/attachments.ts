import type { Hello } from '../../support/protocol/handshake.js';
import type { Connection } from '../network.js';
import type { Violate } from './violation.js';

export interface AttachmentOptions {
  readonly violate: Violate;
  /** Whether the server may have forgotten a client since it was last asked. */
  readonly hasForgotten: (pid: string) => boolean;
  readonly isIntruder: (connection: Connection) => boolean;
  /** Does it before anything else happens. */
  readonly soon: (task: () => void) => void;
}

/** Who is welcomed: one connection of a client at a time, each newer than the one before. */
export function createAttachmentChecks({ violate, hasForgotten, isIntruder, soon }: AttachmentOptions) {
  const welcomed = new Map<string, { readonly hello: Hello; readonly connection: Connection }>();

  /** Each server knows of its own connections only. */
  const keyOf = ({ host }: Connection, pid: string): string => `${host} ${pid}`;
  const left = new WeakSet<Connection>();

  return {
    /** The server takes a frame, or sends one. */
    used(connection: Connection, { pid }: Hello): void {
      const latest = welcomed.get(keyOf(connection, pid))?.connection;
      if (latest && latest !== connection && left.has(connection))
        violate('attachment', `${connection.name} is used after ${latest.name} was welcomed`);
    },
    welcomed(connection: Connection, hello: Hello): void {
      const { pid, epoch, n } = hello;
      const key = keyOf(connection, pid);
      const before = welcomed.get(key);
      const isForgotten = hasForgotten(key);
      welcomed.set(key, { hello, connection });
      if (!before) return;
      left.add(before.connection);
      soon(() => {
        if (before.connection.ends.server.isOpen)
          violate('attachment', `${connection.name} is welcomed while ${before.connection.name} is open`);
      });
      if (isForgotten) return;
      if (isIntruder(connection)) violate('secret', `${connection.name} is welcomed without the token`);
      const isNewer = epoch > before.hello.epoch || (epoch === before.hello.epoch && n > before.hello.n);
      if (!isNewer) violate('attachment', `epoch ${epoch}, n ${n} is welcomed after ${before.hello.epoch}, ${before.hello.n}`);
    },
  };
}
