import type { Observable, TeardownLogic } from 'rxjs';

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
