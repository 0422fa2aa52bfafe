import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  mergeMap,
  share,
  take,
  takeUntil,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ChannelEndedError } from '../../message/errors.js';
import type { Message } from '../../message/types.js';
import type { Hub } from '../../server/hub/hub.js';
import type { Wire } from '../../wire/wire.js';
import { endUnlessAlive } from './answerLiveness.js';
import { SERVER, STARTED, type StartedPayload } from './chatMessages.js';

/** The nodes whose servers share the answers: a `natsCluster`. */
export interface ChatCluster {
  /** Names this node. */
  readonly node: string;
  /** Emits the living nodes at each change. */
  readonly state$: Observable<{ readonly nodes: readonly { readonly node: string }[] }>;
}

interface DeadNodeParts {
  readonly cluster: ChatCluster;
  /** Returns whether this process writes an answer. */
  readonly isWritten: (name: string) => boolean;
  readonly onError: (error: unknown) => void;
  readonly scheduler: SchedulerLike;
}

/** The maximum time until the log returns the first message of an answer, in ms. */
const MAX_READ = 2_000;
/** The maximum time until the writer of an answer replies, in ms, and how often it is asked. */
const MAX_REPLY = 500;
const ATTEMPTS = 2;
/** The maximum number of answers that are checked at the same time. */
const MAX_CHECKS = 64;
/**
 * Ends the open answers of nodes that have died, while it is subscribed to: at first, and when the
 * cluster loses a node. The cluster may also lose a node that lives, and a node may be started
 * again with the same name: an answer goes on if its writer replies.
 */
export function endAnswersOfDeadNodes<W extends Wire>(
  rooms: Hub<W>,
  { cluster, isWritten, onError, scheduler }: DeadNodeParts,
): Observable<never> {
  const asking = { attempts: ATTEMPTS, timeout: MAX_REPLY, scheduler };
  const isSuspect = (started: Message, living: ReadonlySet<string>): boolean => {
    if (started.type !== STARTED || started.source !== SERVER) return false;
    // Another version of the server names no node.
    const { node } = Object(started.payload) as Partial<StartedPayload>;
    return node !== undefined && (node === cluster.node || !living.has(node));
  };
  const check = (living: ReadonlySet<string>, failed: (error: unknown) => void): Observable<unknown> =>
    rooms.list('ai/').pipe(
      filter(({ name, hasEnded }) => !hasEnded && !isWritten(name)),
      mergeMap(({ name }) => {
        const started$ = rooms.channel(name, { from: 'start' }).pipe(take(1), takeUntil(timer(MAX_READ, scheduler)));
        return started$.pipe(
          mergeMap((started) => (isSuspect(started, living) ? endUnlessAlive(rooms, name, asking) : EMPTY)),
          catchError((error: unknown) => {
            // Another node has ended the answer.
            if (!(error instanceof ChannelEndedError)) failed(error);
            return EMPTY;
          }),
        );
      }, MAX_CHECKS),
    );

  return defer(() => {
    // The nodes that were alive since the last check. An empty name, which no node has, causes one.
    let known = new Set(['']);
    let living: ReadonlySet<string> = new Set();
    const hasLost = (): boolean => known.size > living.size;
    return cluster.state$.pipe(
      filter(({ nodes }) => {
        living = new Set(nodes.map(({ node }) => node));
        for (const node of living) known.add(node);
        return hasLost();
      }),
      // A node may die during a check. One more check is enough for all that die during one.
      concatMap(() => {
        if (!hasLost()) return EMPTY;
        known = new Set(living);
        const failed = (error: unknown): void => {
          known.add('');
          onError(error);
        };
        return check(living, failed).pipe(
          catchError((error: unknown) => {
            failed(error);
            return EMPTY;
          }),
        );
      }),
      ignoreElements(),
      catchError((error: unknown) => {
        onError(error);
        return EMPTY;
      }),
    );
  }).pipe(share());
}
