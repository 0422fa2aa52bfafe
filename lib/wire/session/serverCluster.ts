import type { Unsubscribable, Observable, TeardownLogic } from 'rxjs';
import type { Inbox, InboxClaim } from '../../stores/inbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';

/** A request of a link over HTTP that has reached another node than the link's. */
export interface ForwardedRequest {
  readonly method: string;
  readonly url: string;
  /** The header fields, with names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address of the socket at which the request has arrived. */
  readonly address?: string;
  /**
   * Reads the body. The node of the link subscribes, at most once, when the client may use the
   * link. Fails if the client disconnects before the end.
   */
  readonly body$: Observable<Uint8Array>;
}

/** The complete response to a forwarded request. */
export interface ForwardedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, number | string | string[] | undefined>>;
  readonly body?: Uint8Array;
}

/**
 * Handles a request of another node. Returns `undefined` for a request of a link that the server
 * does not have. Unsubscribing means that the client has disconnected.
 */
export type ForwardedRequestHandler = (request: ForwardedRequest) => Observable<ForwardedResponse> | undefined;

/** Passes requests of links over HTTP between the nodes of a cluster. */
export interface ClusterRequests {
  /**
   * Sends a request to the node with this name, and emits the response. Fails if there is no such
   * node, or the node does not answer. Unsubscribing aborts the request.
   */
  send(node: string, request: ForwardedRequest): Observable<ForwardedResponse>;
  /** Passes the requests of other nodes to a server, until the teardown. */
  serve(handler: ForwardedRequestHandler): TeardownLogic;
}

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
