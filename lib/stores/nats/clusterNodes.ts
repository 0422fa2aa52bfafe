import { defer, finalize, interval, map, merge, Observable, startWith, tap, type Unsubscribable } from 'rxjs';
import { StoreError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import type { ClusterServer } from '../../wire/session/serverCluster.js';
import type { InboxClaim } from '../inbox.js';
import { isInboxClaim } from '../helloNumber.js';
import { corrupt, failed, type NodeContext } from './natsContext.js';

/** A node of a cluster, as it has described itself. */
export interface ClusterNode {
  readonly node: string;
  /** The number of its sessions. */
  readonly sessions: number;
  /** The duration of its last round trip to NATS, in ms. */
  readonly lag: number;
}

/** The nodes of a cluster that have servers. */
export interface ClusterState {
  readonly nodes: readonly ClusterNode[];
  /** The number of sessions of all nodes. */
  readonly sessions: number;
}

type Notice =
  { readonly kind: 'claimed'; readonly claims: readonly ClaimedSender[] } | { readonly kind: 'kick'; readonly principal: string };

type ClaimedSender = readonly [pid: string, claim: InboxClaim];

/** The interval in which a node describes itself, in ms. */
const BEAT = 1_000;
/** The silence after which a node is considered dead, in ms. */
const SILENCE = 3_500;
const MAX_NODES = 1_000;
const MAX_CLAIMS = 1_000;

/**
 * The notices of a cluster. They use plain subjects of NATS: a notice that is lost costs time, as
 * the stores fence an owner that does not get it.
 */
export function createClusterControl({ connection, name, listen, report }: NodeContext) {
  const subject = `${name}.control`;
  let claims: ClaimedSender[] = [];
  const tell = (notice: Notice): void => connection.publish(subject, JSON.stringify(notice));
  const tellClaims = (): void => {
    const told = claims;
    claims = [];
    const tellAll = (): void => {
      for (let at = 0; at < told.length; at += MAX_CLAIMS) tell({ kind: 'claimed', claims: told.slice(at, at + MAX_CLAIMS) });
    };
    // The connection may be draining.
    if (!connection.isClosed()) callSafely(tellAll, (error) => report(failed(error)));
  };
  return {
    /** @throws {StoreError} `failed`, if the connection is closed. */
    kick(principal: string): void {
      if (connection.isClosed()) throw new StoreError('nats', 'failed', new Error('the connection to NATS is closed'));
      tell({ kind: 'kick', principal });
    },
    /** Tells the claims of one turn of the event loop in one notice. */
    claimed(pid: string, { owner, epoch, n }: InboxClaim): void {
      // eslint-disable-next-line no-restricted-globals -- the end of a turn is no time
      if (claims.push([pid, { owner, epoch, n }]) === 1) setImmediate(tellClaims);
    },
    listen: (server: ClusterServer): Unsubscribable =>
      listen(subject, (message) => {
        const notice = fieldsIn(message.string());
        if (notice['kind'] === 'kick' && typeof notice['principal'] === 'string') server.kick(notice['principal']);
        else if (notice['kind'] === 'claimed' && areClaims(notice['claims'])) for (const claim of notice['claims']) server.fence(...claim);
        // Another version may have written it.
        else report(corrupt(subject));
      }),
  };
}

export function createClusterNodes({ connection, name, node, scheduler, listen, report }: NodeContext) {
  const subject = `${name}.nodes`;
  let lag = 0;
  const measure = async (): Promise<void> => {
    const at = scheduler.now();
    await connection.flush();
    lag = scheduler.now() - at;
  };
  const tell = (fields: object): void => {
    const publish = (): void => connection.publish(subject, JSON.stringify(fields));
    // The connection may be draining.
    if (!connection.isClosed()) callSafely(publish, (error) => report(failed(error)));
  };

  return {
    /** Describes this node each second, while it has a server. */
    describe(server: ClusterServer): Unsubscribable {
      const beats$ = interval(BEAT, scheduler).pipe(
        startWith(0),
        tap(() => {
          // The next beat has the result. Without a connection there is none.
          measure().catch(() => undefined);
          tell({ node, sessions: server.size, lag: Math.round(lag * 100) / 100 });
        }),
        finalize(() => tell({ node, isGone: true })),
      );
      return beats$.subscribe();
    },
    /** Emits at each change, and at least each second. A silent node leaves after 3.5 s. */
    state$: defer((): Observable<ClusterState> => {
      /** The nodes, with the times of their last beats. */
      const seen = new Map<string, { readonly described: ClusterNode; readonly at: number }>();
      const beats$ = new Observable<string>((subscriber) => listen(subject, (message) => subscriber.next(message.string())));
      const note = (text: string): void => {
        const { node: id, sessions = 0, lag: measured = 0, isGone } = fieldsIn(text);
        if (typeof id !== 'string' || typeof sessions !== 'number' || typeof measured !== 'number') return;
        if (isGone === true) seen.delete(id);
        else if (seen.size < MAX_NODES || seen.has(id))
          seen.set(id, { described: { node: id, sessions, lag: measured }, at: scheduler.now() });
      };
      return merge(beats$.pipe(tap(note)), interval(BEAT, scheduler)).pipe(
        map(() => {
          const now = scheduler.now();
          for (const [key, { at }] of seen) if (now - at > SILENCE) seen.delete(key);
          const nodes = [...seen.values()].map(({ described }) => described);
          return { nodes, sessions: nodes.reduce((sum, { sessions }) => sum + sessions, 0) };
        }),
      );
    }),
  };
}

function areClaims(value: unknown): value is readonly ClaimedSender[] {
  const isClaim = (one: unknown): boolean => Array.isArray(one) && typeof one[0] === 'string' && isInboxClaim(one[1]);
  return Array.isArray(value) && value.every((one) => isClaim(one));
}

/** Reads the fields of a message; none if it is not an object in JSON. */
function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
