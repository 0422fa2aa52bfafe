import type { Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { ClusterServer } from '../../session/serverCluster.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import type { AnyWire } from '../principal.js';
import type { Drained } from './drain.js';
import { ServedSessions } from '../../host/server/servedSessions.js';
import type { RegistryOptions } from './registry.js';

/** The sessions of a server. */
export interface ServerSessions extends ClusterServer {
  /** Emits the wire of a new client. */
  admit(connection: IncomingConnection): Observable<AnyWire>;
  /** Sends a message to each connected client. */
  announce(message: Message): void;
  sessions(): readonly Drained[];
  /** Ends all sessions. */
  close(): void;
}

/**
 * Makes the sessions of a server. Specs replace this function by that of the session core
 * (`lib/host`), until the core is the default.
 */
export const serverSessions: { create: (options: RegistryOptions) => ServerSessions } = {
  create: (options) => new ServedSessions(options),
};
