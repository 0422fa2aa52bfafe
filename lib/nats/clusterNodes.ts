import { defer, finalize, interval, map, merge, Observable, startWith, tap, type Unsubscribable } from 'rxjs';
import type { ClusterServer } from '../session/serverCluster.js';
import type { NodeContext } from './natsContext.js';

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

/** The interval in which a node describes itself, in ms. */
const BEAT = 1_000;
/** The silence after which a node is considered dead, in ms. */
const SILENCE = 3_500;

export function createClusterNodes({ connection, name, node, scheduler, listen }: NodeContext) {
  const subject = `${name}.nodes`;
  let lag = 0;
  const measure = async (): Promise<void> => {
    const at = scheduler.now();
    await connection.flush();
    lag = scheduler.now() - at;
  };
  const tell = (fields: object): void => {
    if (!connection.isClosed()) connection.publish(subject, JSON.stringify(fields));
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
    /**
     * Emits the nodes at each change, and at least each second. A node that is silent for 3.5 s is
     * considered dead.
     */
    state$: defer((): Observable<ClusterState> => {
      /** The nodes, with the times of their last beats. */
      const seen = new Map<string, { readonly described: ClusterNode; readonly at: number }>();
      const beats$ = new Observable<string>((subscriber) => listen(subject, (message) => subscriber.next(message.string())));
      const note = (text: string): void => {
        const beat = beatIn(text);
        if (!beat) return;
        const { isGone, ...described } = beat;
        if (isGone) seen.delete(described.node);
        else if (seen.size < MAX_NODES || seen.has(described.node)) seen.set(described.node, { described, at: scheduler.now() });
      };
      return merge(beats$.pipe(tap(note)), interval(BEAT, scheduler)).pipe(
        map(() => {
          const now = scheduler.now();
          for (const [key, { at }] of seen) if (now - at > SILENCE) seen.delete(key);
          const list = [...seen.values()].map(({ described }) => described);
          return { nodes: list, sessions: list.reduce((sum, { sessions }) => sum + sessions, 0) };
        }),
      );
    }),
  };
}

/** The maximum number of nodes that are remembered. */
const MAX_NODES = 1_000;

/** Returns the announcement of a node; `undefined` if another version has written it. */
function beatIn(text: string): (ClusterNode & { readonly isGone: boolean }) | undefined {
  try {
    const { node, sessions = 0, lag = 0, isGone = false } = Object(JSON.parse(text)) as Record<string, unknown>;
    const isBeat = typeof node === 'string' && typeof sessions === 'number' && typeof lag === 'number';
    return isBeat ? { node, sessions, lag, isGone: isGone === true } : undefined;
  } catch {
    return undefined;
  }
}
