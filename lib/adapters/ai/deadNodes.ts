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
  toArray,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Hub } from '../../server/hub/hub.js';
import type { Wire } from '../../wire/wire.js';
import { ALIVE, CHUNKS, PING, SERVER, STARTED, WRITER_STOPPED, type StartedPayload } from './chatMessages.js';

/** The nodes whose servers share the answers: a `natsCluster`. */
export interface ChatCluster {
  /** Names this node. */
  readonly node: string;
  /** Emits the living nodes at each change. */
  readonly state$: Observable<{ readonly nodes: readonly { readonly node: string }[] }>;
}

interface DeadNodeParts {
  readonly cluster: ChatCluster;
  readonly onError: (error: unknown) => void;
  readonly scheduler: SchedulerLike;
}

/** The maximum time until the log returns the first message of an answer, in ms. */
const MAX_READ = 2_000;
/** The maximum time until the writer of an answer replies, in ms. */
const MAX_REPLY = 500;
/** The maximum number of answers that are checked at the same time. */
const MAX_CHECKS = 64;
/** Several nodes may end an answer: the log stores the message once. */
const END = createMessage('channel.ended', { status: 'interrupted', reason: WRITER_STOPPED }, { id: 'writer-stopped', source: SERVER });

/**
 * Ends the open answers of nodes that have died, while it is subscribed to: at first, and when the
 * cluster loses a node. The cluster may also lose a node that lives, and a node may be started
 * again with the same name: an answer goes on if its writer replies.
 */
export function endAnswersOfDeadNodes<W extends Wire>(rooms: Hub<W>, { cluster, onError, scheduler }: DeadNodeParts): Observable<never> {
  const isSuspect = (started: Message, living: ReadonlySet<string>): boolean => {
    if (started.type !== STARTED || started.source !== SERVER) return false;
    // Another version of the server names no node.
    const { node } = Object(started.payload) as Partial<StartedPayload>;
    return node !== undefined && (node === cluster.node || !living.has(node));
  };
  /** Asks the writer of an answer whether it is alive, and ends the answer if it writes nothing. */
  const endUnlessAlive = (name: string): Observable<unknown> =>
    defer(() => rooms.channel(name).send(createMessage(PING, null, { source: SERVER }))).pipe(
      mergeMap((from) => rooms.channel(name, from && { from }).pipe(takeUntil(timer(MAX_REPLY, scheduler)))),
      filter(({ type, source }) => source === SERVER && (type === ALIVE || type === CHUNKS)),
      take(1),
      toArray(),
      mergeMap((replies) => (replies.length > 0 ? EMPTY : rooms.channel(name).send(END))),
    );
  const check = (living: ReadonlySet<string>): Observable<unknown> =>
    rooms.list('ai/').pipe(
      filter(({ hasEnded }) => !hasEnded),
      mergeMap(({ name }) => {
        const started$ = rooms.channel(name, { from: 'start' }).pipe(take(1), takeUntil(timer(MAX_READ, scheduler)));
        return started$.pipe(
          mergeMap((started) => (isSuspect(started, living) ? endUnlessAlive(name) : EMPTY)),
          // Another node has ended the answer.
          catchError(() => EMPTY),
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
        return check(living).pipe(
          catchError((error: unknown) => {
            known.add('');
            onError(error);
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
