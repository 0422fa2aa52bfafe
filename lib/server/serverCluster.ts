import type { TeardownLogic } from 'rxjs';
import type { Inbox } from '../session/store/inbox.js';
import type { OutboxStore } from '../session/store/outboxStore.js';

/** One server of a cluster, as the other nodes reach it. `listen` is one. */
export interface ClusterServer {
  /** Ends the session of a client, which another node has claimed, unless `owner` is the session itself. */
  fence(pid: string, owner: string): void;
  /** Closes the sessions of a principal with 4401. Returns how many there were. */
  kick(principal: string): number;
  /** The number of sessions. */
  sessions(): number;
}

/** Connects the servers of several nodes, so that a client may reach each of them: `natsCluster` of rxwire/nats. */
export interface ServerCluster {
  /** Names this node. */
  readonly node: string;
  /** The default `inbox` of the server. */
  readonly inbox: Inbox;
  /** The default `outbox` of the server. */
  readonly outbox: (pid: string) => OutboxStore;
  /** Lets the other nodes reach a server, until the teardown. */
  serve(server: ClusterServer): TeardownLogic;
  /** Tells the other nodes that this one has claimed a client. */
  claimed(pid: string, owner: string): void;
}
