import type { Unsubscribable } from 'rxjs';
import { StoreError } from '../errors.js';
import type { ClusterServer } from '../session/serverCluster.js';
import type { InboxClaim } from '../session/store/inbox.js';
import { isInboxClaim } from '../session/store/isHelloNumber.js';
import { corrupt, type NodeContext } from './natsContext.js';

/** A notice of one node to all others. */
type Notice =
  { readonly kind: 'claimed'; readonly pid: string; readonly claim: InboxClaim } | { readonly kind: 'kick'; readonly principal: string };

/**
 * The notices of a cluster. They use plain subjects of NATS: a notice that is lost costs time, as
 * the stores fence an owner that does not hear it.
 */
export function createClusterControl({ connection, name, listen, report }: NodeContext) {
  const subject = `${name}.control`;
  return {
    /** @throws {StoreError} `failed`, if the connection is closed. */
    tell(notice: Notice): void {
      if (connection.isClosed()) throw new StoreError('nats', 'failed', new Error('the connection to NATS is closed'));
      connection.publish(subject, JSON.stringify(notice));
    },
    /** Passes the notices of all nodes to a server. */
    listen: (server: ClusterServer): Unsubscribable =>
      listen(subject, (message) => {
        const notice = noticeIn(message.string());
        if (!notice) report(corrupt(subject));
        else if (notice.kind === 'kick') server.kick(notice.principal);
        else server.fence(notice.pid, notice.claim);
      }),
  };
}

function noticeIn(text: string): Notice | undefined {
  try {
    const { kind, pid, claim, principal } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (kind === 'kick' && typeof principal === 'string') return { kind, principal };
    if (kind === 'claimed' && typeof pid === 'string' && isInboxClaim(claim)) return { kind, pid, claim };
  } catch {
    // Another version may have written it.
  }
  return undefined;
}
