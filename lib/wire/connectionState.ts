import {
  defer,
  distinctUntilChanged,
  interval,
  map,
  merge,
  NEVER,
  ReplaySubject,
  takeUntil,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { endOf } from '../internal/endOf.js';
import type { SessionEvent } from '../session/events.js';
import type { Traffic } from './traffic.js';

/** How a wire is. `error` and `disconnected` are final. */
export type ConnectionStatus = 'connecting' | 'connected' | 'disconnecting' | 'disconnected' | 'reconnecting' | 'error';

/** How a wire is at one moment. Times are ms since the epoch, durations ms. */
export interface ConnectionState {
  readonly id: string;
  readonly status: ConnectionStatus;
  /** What carries it now: `websocket`, `sse`, `long-polling`, or `custom`. */
  readonly protocol: string;
  /** Where it leads; empty where the link does not say. */
  readonly endpoint: string;
  readonly createdAt: number;
  /** When something was last sent or received; `createdAt` until then. */
  readonly lastActivity: number;
  /** Where the platform knows that there is no network. */
  readonly isOffline?: true;
  /** Attempts since the connection last worked. */
  readonly reconnectAttempts: number;
  /** While reconnecting: when the next attempt is due. */
  readonly nextAttemptAt?: number;
  /** Why it is reconnecting, or has failed. */
  readonly error?: unknown;
  readonly metrics: ConnectionMetrics;
}

/** What went over a wire since it was made. */
export interface ConnectionMetrics {
  /** Of text frames, the characters. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly errors: number;
  /** From sending a message to its ack, the latest one, in ms; 0 until there is one. */
  readonly latency: number;
  /** How long it has been connected, in ms; 0 when it is not. */
  readonly uptime: number;
}

interface Identity {
  readonly id: string;
  readonly protocol: () => string;
  readonly endpoint: string;
  readonly isOffline?: boolean;
  /** Tells when that may have changed. */
  readonly signals$?: Observable<unknown>;
}

type Change = Pick<ConnectionState, 'status' | 'reconnectAttempts' | 'nextAttemptAt' | 'error'>;

/** While somebody looks, the numbers are read this often, in ms. */
const SAMPLE_INTERVAL = 1_000;

function now({ id, protocol, endpoint, isOffline }: Identity) {
  return { id, protocol: protocol(), endpoint, ...(isOffline && { isOffline }) };
}

/** Keeps the state of one wire. Costs next to nothing while nobody looks. */
export function createStateKeeper(identity: Identity, traffic: Traffic, scheduler: SchedulerLike) {
  const createdAt = scheduler.now();
  let changes$: ReplaySubject<Change> | undefined;
  let current: Change;
  let connectedAt = Infinity;
  let isOver = false;

  const snapshot = (): ConnectionState => {
    const { lastActivity = createdAt, ...counts } = traffic;
    // Not connected is connected in the future.
    const uptime = Math.max(0, scheduler.now() - connectedAt);
    return { ...now(identity), ...current, createdAt, lastActivity, metrics: { ...counts, uptime } };
  };
  const change = (status: ConnectionStatus, details: Partial<Change> = {}): void => {
    if (status !== 'disconnecting') connectedAt = status === 'connected' ? scheduler.now() : Infinity;
    current = { status, reconnectAttempts: 0, ...details };
    changes$?.next(current);
  };
  change('connecting');

  /** Begins with how it is. */
  const changes = (): Observable<Change> => {
    changes$ = new ReplaySubject(1);
    changes$.next(current);
    if (isOver) changes$.complete();
    return changes$;
  };

  return {
    state$: defer(() => {
      const all$ = changes$ ?? changes();
      return merge(all$, merge(interval(SAMPLE_INTERVAL, scheduler), identity.signals$ ?? NEVER).pipe(takeUntil(endOf(all$)))).pipe(
        map(snapshot),
        distinctUntilChanged(isSame),
      );
    }),
    snapshot,
    watch: (event: SessionEvent): void => {
      // A wire that drains may reconnect for it, but never goes back to life.
      if (current.status === 'disconnecting') return;
      if (event.kind === 'open') change('connected');
      if (event.kind === 'lost') change('reconnecting', { error: event.error });
      if (event.kind === 'retry') {
        const { attempt: reconnectAttempts, delay, error } = event;
        change('reconnecting', { reconnectAttempts, nextAttemptAt: scheduler.now() + delay, error });
      }
    },
    change,
    /** The last change of all. */
    end: (status: ConnectionStatus, details?: Partial<Change>): void => {
      change(status, { reconnectAttempts: current.reconnectAttempts, ...details });
      isOver = true;
      changes$?.complete();
    },
  };
}

/** Whether nobody need be told. */
function isSame(a: ConnectionState, b: ConnectionState): boolean {
  return a.status === b.status && a.isOffline === b.isOffline && a.nextAttemptAt === b.nextAttemptAt && tally(a) === tally(b);
}

/** Grows when any of the counters does. */
function tally({ metrics: { bytesSent, bytesReceived, messagesSent, messagesReceived, errors } }: ConnectionState): number {
  return bytesSent + bytesReceived + messagesSent + messagesReceived + errors;
}
