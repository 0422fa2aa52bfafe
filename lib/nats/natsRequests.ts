import type { ClusterRequests } from '../link/http/clusterRequests.js';
import { createNatsRequestSender } from './natsRequestSender.js';
import { createNatsRequestServer } from './natsRequestServer.js';
import type { NodeContext } from './nodeContext.js';

/**
 * Passes the requests of HTTP links between nodes, over core subjects of NATS: requests to
 * `<cluster>.node.<node>.requests`, responses to a subject of the process that has sent the
 * request. Bodies travel in pieces. The head is sent first, and the body only when the other node
 * requests it.
 *
 * A request fails when no node of that name has subscribed, when the node does not report it for
 * 2.5 s, when a piece is lost, and when the connection to NATS is.
 */
export function createNatsRequests(node: NodeContext): ClusterRequests {
  return { send: createNatsRequestSender(node), serve: createNatsRequestServer(node) };
}
