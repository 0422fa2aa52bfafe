import { nanoid } from 'nanoid';
import { Subscription, type Observable } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { ChannelLog } from '../../channels/channelLog.js';
import type { ClusterPresence } from '../../channels/clusterPresence.js';
import type { QueueStore } from '../../operators/queue/queueStore.js';
import { StoreError } from '../../message/errors.js';
import { asObservable } from '../../message/maybeAsync.js';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import type { ResultStore } from '../../operators/buffers/resultStore.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ServerCluster } from '../../wire/session/serverCluster.js';
import type { DeadLetterStore } from '../deadLetterStore.js';
import type { Inbox } from '../inbox.js';
import type { Store } from '../store.js';
import { SERVER_STORES_LIMITS, serverStores } from '../log/serverStores.js';
import { storedOutbox } from '../log/storedOutbox.js';
import { createClusterControl, createClusterNodes, type ClusterState } from './clusterNodes.js';
import { createChannelLog } from './natsChannelLog.js';
import { assertNats, createNatsContext, NATS_OPTIONS, type NatsOptions } from './natsContext.js';
import { logSettingsOf } from './logContext.js';
import { createNatsRequests } from './natsRequests.js';
import { createNatsStream, type NatsStream, type StreamLimits } from './natsStream.js';
import { natsStore } from './natsStore.js';
import { createOutboxEviction } from './outboxEviction.js';
import { createPresenceNode } from './presenceNode.js';
import { createSubjectStore, type SubjectStore } from './subjectStore.js';

export interface NatsClusterOptions extends NatsOptions {
  /**
   * The name of the cluster: nodes with the same name share sessions and channels. Its streams and
   * subjects begin with the name.
   * @default 'rxwire'
   */
  readonly name?: string;
  /** Names this node. No two nodes have the same name at once. @default a random name */
  readonly node?: string;
  /**
   * The time after which a client that does not return is forgotten, with the messages for it, in
   * ms.
   * @default 2_592_000_000: 30 days
   */
  readonly sessionTtl?: number;
  /** The maximum number of messages that wait for one client. @default 10_000 */
  readonly maxMessages?: number;
  /**
   * The maximum size of the messages that wait for one client, in bytes.
   * @default 16_777_216: 16 MiB
   */
  readonly maxBytes?: number;
  /**
   * The maximum size of the messages that wait for all clients, in bytes. Above it, the principal
   * (or the address of anonymous clients) with most of them loses messages: those to the client to
   * which nothing was stored for the longest time. It is also the maximum size of the dead letters,
   * above which the oldest are removed, and of each queue, above which a queue refuses messages.
   * @default 1_073_741_824: 1 GiB
   */
  readonly maxTotalBytes?: number;
  /** The maximum number of dead letters. Above it, the oldest is removed. @default 10_000 */
  readonly maxDeadLetters?: number;
  /** The time for which a result is kept, in ms. @default 300_000 */
  readonly resultTtl?: number;
}

const OPTIONS = {
  ...NATS_OPTIONS,
  name: [anything, 'rxwire'],
  sessionTtl: [positive, 2_592_000_000],
  ...SERVER_STORES_LIMITS,
  maxTotalBytes: [positive, 1_073_741_824],
  resultTtl: [positive, 300_000],
} as const satisfies OptionTable<NatsClusterOptions>;

/** One node of a cluster. */
export interface NatsCluster extends ServerCluster, QueueStore {
  /**
   * The inbox of all nodes. Its effects get no transaction: they run before the cursor is stored,
   * and again if the node dies in between.
   */
  readonly inbox: Inbox<undefined>;
  /**
   * The messages that could not be processed at any node. If a node dies while the inbox stores a
   * letter, the letter may exist twice.
   */
  readonly deadLetters: DeadLetterStore;
  /** The latest results of all nodes, for `idempotent`. */
  readonly results: ResultStore;
  /** The log of the channels of all nodes, for `hub`. */
  readonly log: ChannelLog;
  /**
   * The members of the channels at all nodes, for one `hub`. Other nodes see only the `id` of a
   * member whose data is larger than half of `max_payload` of NATS.
   */
  readonly presence: ClusterPresence;
  /**
   * Closes the sessions of a principal at all nodes with 4403. A node that is cut off from NATS
   * does not get it.
   *
   * @throws {StoreError} `failed`, if the connection to NATS is closed.
   */
  kick(principal: string): void;
  /**
   * Publishes a message in a channel when it is subscribed to, and emits the position of the
   * message. The process needs no server.
   */
  publish(channel: string, message: Message): Observable<ChannelPosition>;
  /** Emits the nodes with their sessions, at each change and at least each second. */
  readonly state$: Observable<ClusterState>;
}

/**
 * Makes a server a node of a cluster: its clients may reach any node, and their sessions continue
 * there, with all numbers, in both directions. No load balancer has to be sticky. The state of each
 * session is in NATS JetStream; the node that has claimed it last owns it, and all writes of
 * earlier owners fail.
 *
 * Needs the package `@nats-io/jetstream`, and an open connection of `@nats-io/transport-node`.
 * Failures are `StoreError`s of the store `nats`.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {TypeError} At call time, if there is no option of this name, or `name` or `node` is not
 *   1 to 64 letters, digits, `_` and `-`.
 * @example
 * import { hub } from 'rxwire';
 * import { natsCluster } from 'rxwire/nats';
 * import { listen } from 'rxwire/server';
 * import type { Server } from 'node:http';
 * import type { NatsConnection } from 'rxwire/nats';
 *
 * const serveNode = (connection: NatsConnection, server: Server) => {
 *   const cluster = natsCluster({ connection, name: 'chat', replicas: 3 });
 *   const rooms = hub({ log: cluster.log, presence: cluster.presence });
 *   return listen(server, { cluster }).subscribe((wire) => rooms.serve(wire));
 * };
 */
export function natsCluster(options: NatsClusterOptions): NatsCluster {
  checkOptions('natsCluster', options);
  const read = readOptions('natsCluster', options, OPTIONS);
  const { name, sessionTtl, maxMessages, maxBytes, maxTotalBytes, resultTtl, replicas, storage, timeout } = read;
  const { connection, node = nanoid(10), onError, scheduler = steadyScheduler() } = options;
  assertNats('natsCluster', connection, { name, node });

  const settings = { connection, replicas, storage, timeout, scheduler, ...(onError && { onError }) };
  const context = createNatsContext({ ...settings, name, node });
  const streamOf = (stream: string, kind: string, limits?: StreamLimits): NatsStream =>
    createNatsStream(context, { name: `${name}-${stream}`, subjects: [`${name}.${kind}.*`], discard: 'new', ...limits });
  const storeOf = (stream: string, kind: string, limits?: StreamLimits): SubjectStore =>
    createSubjectStore(streamOf(stream, kind, limits), context, `${name}.${kind}.`);
  const outboxes = streamOf('outboxes', 'outbox', { maxAge: sessionTtl, maxBytes: maxTotalBytes });
  const store = natsStore(context, {
    sender: { store: storeOf('sessions', 'session', { maxMessages: 1, maxAge: sessionTtl, maxBytes: maxTotalBytes }) },
    outbox: {
      store: createSubjectStore(outboxes, context, `${name}.outbox.`, createOutboxEviction(outboxes, `${name}.outbox.*`, context)),
    },
    result: { store: storeOf('results', 'result', { maxMessages: 1, maxAge: resultTtl }) },
    letters: { store: storeOf('letters', 'letter'), limit: { maxBytes: maxTotalBytes, evicts: true } },
    queue: { store: storeOf('queues', 'queue'), limit: { maxBytes: maxTotalBytes, evicts: false } },
  });
  const onCorruptLetter = (): void => context.report(new StoreError('nats', 'corrupt'));
  const { inbox, queue, results } = serverStores(store, { limits: read, onCorruptLetter });
  const control = createClusterControl(context);
  const nodes = createClusterNodes(context);
  const presence = createPresenceNode(context);
  let servers = 0;
  const log = createChannelLog({ ...context, ...logSettingsOf({ ...settings, stream: `${name}-channels` }) });

  return {
    node,
    requests: createNatsRequests(context),
    inbox,
    deadLetters: inbox.deadLetters,
    results,
    queue,
    outbox: (pid, group) => {
      const openStore = () => ({ ...store, transact: ((log, work) => store.transact(log, work, 1, group)) satisfies Store['transact'] });
      return storedOutbox({ name: 'nats', log: `outbox ${pid}`, maxMessages, maxBytes, openStore });
    },
    log,
    presence,
    state$: nodes.state$,
    serve(server) {
      const membership = new Subscription();
      membership.add(control.listen(server));
      membership.add(nodes.describe(server));
      servers++;
      membership.add(() => {
        // The members of this node have left.
        if (--servers === 0) presence.close();
      });
      return membership;
    },
    claimed: (pid, claim) => control.claimed(pid, claim),
    kick: (principal) => control.kick(principal),
    publish: (channel, message) => asObservable(() => log.append(channel, message)),
  };
}
