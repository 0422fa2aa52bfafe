import { defer, Subscription, throwError } from 'rxjs';
import { memoryOutbox } from '../../lib/index.js';
import type { ClusterRequests, ForwardedRequestHandler, ServerCluster } from '../../lib/wire/session/serverCluster.js';
import { fakeInbox } from './fakeInbox.js';

/** A node of a cluster that only forwards requests. */
export function clusterNode(node: string, requests: ClusterRequests): ServerCluster {
  const stores = { inbox: fakeInbox(), outbox: () => memoryOutbox() };
  return { node, requests, ...stores, serve: () => Subscription.EMPTY, claimed: () => undefined };
}

/** A cluster of nodes in one process. */
export function memoryCluster() {
  const handlers = new Map<string, Set<ForwardedRequestHandler>>();
  const sent: string[] = [];
  const join = (node: string): ServerCluster =>
    clusterNode(node, {
      send: (target, request) =>
        defer(() => {
          sent.push(`${request.method} ${node}>${target}`);
          for (const handler of handlers.get(target) ?? []) {
            const response$ = handler(request);
            if (response$) return response$;
          }
          return throwError(() => new Error(`no node ${target} has this link`));
        }),
      serve(handler) {
        const own = handlers.get(node) ?? new Set();
        handlers.set(node, own.add(handler));
        return () => own.delete(handler);
      },
    });
  return {
    join,
    /** The forwarded requests: `GET b>a`. */
    sent,
  };
}
