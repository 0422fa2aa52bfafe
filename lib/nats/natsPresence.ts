import { nanoid } from 'nanoid';
import { Subscription } from 'rxjs';
import { StoreError } from '../errors.js';
import { createNatsSubjects } from './natsSubjects.js';
import type { NodeContext } from './nodeContext.js';
import { createPresenceNode, type PresenceNode } from './presenceNode.js';
import type { CoreSubjects } from './presenceState.js';

/** The assumed `max_payload` of a NATS server, until the server reports its own. */
const MAX_PAYLOAD = 1_048_576;

/**
 * Shares the members of channels among the nodes of a cluster, over plain subjects of NATS that
 * begin with `<name>.presence`. It sends nothing before a hub uses it, and about 150 bytes each
 * second while no member changes. Failures are reported as `StoreError`s of the store `nats`; none
 * is thrown.
 *
 * A change is at the other nodes within 20 ms and the time of the network. The members of a node
 * leave at once when it is closed, and within 4 s when it dies. While this node has no connection
 * to NATS, it keeps the members that it knows.
 *
 * @throws {TypeError} At call time, if the connection has `noEcho`.
 */
export function createNatsPresence({ connection, status, name, scheduler, report }: NodeContext): PresenceNode {
  // The type of the connection does not show its options.
  if ((connection as { readonly options?: { readonly noEcho?: boolean } }).options?.noEcho === true)
    throw new TypeError('natsPresence: "connection" must receive its own messages: open it without "noEcho"');
  const fail = (cause: unknown): void => report(new StoreError('nats', 'failed', cause));
  const prefix = `${name}.presence`;
  const { of: channel } = createNatsSubjects(prefix);
  const core: CoreSubjects = {
    publish: (subject, data) => connection.publish(subject, data),
    subscribe(subject, next) {
      try {
        return connection.subscribe(subject, {
          callback(error, { data }) {
            if (error) fail(error);
            else next(data);
          },
        });
      } catch (error) {
        fail(error);
        return Subscription.EMPTY;
      }
    },
    isConnected: status.isConnected,
    reconnected$: status.reconnected$,
    maxPayload: () => connection.info?.max_payload ?? MAX_PAYLOAD,
  };
  const subjects = { nodes: `${prefix}.nodes`, to: (node: string) => `${prefix}.to.${node}`, channel };
  return createPresenceNode({ node: nanoid(), core, subjects, scheduler, report });
}
