import type { Unsubscribable } from 'rxjs';
import type { ClusterRequests } from '../link/http/clusterRequests.js';
import type { Inbox, InboxClaim } from './store/inbox.js';
import type { OutboxStore } from './store/outboxStore.js';

/** One server of a cluster, as the other nodes reach it. `listen` is one. */
export interface ClusterServer {
  /** Ends the session of a client that another node has claimed for a later hello. */
  fence(pid: string, claim: InboxClaim): void;
  /** Closes the sessions of a principal with 4403. */
  kick(principal: string): void;
  /** The number of sessions. */
  readonly size: number;
}

/**
 * Connects the servers of several nodes, so that a client may reach each of them: `natsCluster` of
 * rxwire/nats.
 */
export interface ServerCluster {
  /** Names this node: 1 to 64 of the characters `A-Z a-z 0-9 _ -`. */
  readonly node: string;
  /** The default `inbox` of the server. */
  readonly inbox: Inbox;
  /**
   * The default `outbox` of the server. When the store is full, the group with most bytes loses
   * messages.
   *
   * @param group The principal of the client, or the address of an anonymous client. @default ''
   */
  readonly outbox: (pid: string, group?: string) => OutboxStore;
  /**
   * Passes requests of SSE and long polling to the node of their link. Without it, a load balancer
   * must send all requests of a link to one server.
   */
  readonly requests?: ClusterRequests;
  /** Lets the other nodes reach a server, until the result is unsubscribed from. */
  serve(server: ClusterServer): Unsubscribable;
  /** Tells the other nodes that this one has claimed a client. */
  claimed(pid: string, claim: InboxClaim): void;
}
