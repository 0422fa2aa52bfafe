import {
  BehaviorSubject,
  distinctUntilChanged,
  ignoreElements,
  interval,
  last,
  map,
  merge,
  takeUntil,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { SessionEvent } from '../session/events.js';
import type { Traffic } from './traffic.js';

/** How a wire is. `error` and `disconnected` are final. */
export type ConnectionStatus = 'connecting' | 'connected' | 'disconnecting' | 'disconnected' | 'reconnecting' | 'error';

/** How a wire is at one moment. Times are ms since the epoch, durations ms. */
export interface ConnectionState {
  readonly id: string;
  readonly status: ConnectionStatus;
  /** The kind of link: `websocket`, or `custom`. */
  readonly protocol: string;
  /** Where it leads; empty where the link does not say. */
  readonly endpoint: string;
  readonly createdAt: number;
  /** When something was last sent or received; `createdAt` until then. */
  readonly lastActivity: number;
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
  readonly protocol: string;
  readonly endpoint: string;
}

type Changing = Pick<ConnectionState, 'status' | 'reconnectAttempts' | 'nextAttemptAt' | 'error'>;

/** While somebody looks, the numbers are read this often, in ms. */
const SAMPLE_INTERVAL = 1_000;

/** Keeps the state of one wire. Costs next to nothing while nobody looks. */
export function createStateKeeper(identity: Identity, traffic: Traffic, scheduler: SchedulerLike) {
  const createdAt = scheduler.now();
  const changes$ = new BehaviorSubject<Changing>({ status: 'connecting', reconnectAttempts: 0 });
  let connectedAt = Infinity;

  const snapshot = (): ConnectionState => {
    const now = scheduler.now();
    const uptime = connectedAt === Infinity ? 0 : now - connectedAt;
    const { lastActivity = createdAt, ...counts } = traffic;
    return { ...identity, ...changes$.value, createdAt, lastActivity, metrics: { ...counts, uptime } };
  };
  const change = (next: Changing): void => {
    connectedAt = next.status === 'connected' ? scheduler.now() : next.status === 'disconnecting' ? connectedAt : Infinity;
    changes$.next(next);
  };

  const state$: Observable<ConnectionState> = merge(
    changes$,
    interval(SAMPLE_INTERVAL, scheduler).pipe(takeUntil(changes$.pipe(ignoreElements(), last(null, null)))),
  ).pipe(
    map(snapshot),
    distinctUntilChanged((a, b) => a.status === b.status && a.nextAttemptAt === b.nextAttemptAt && a.lastActivity === b.lastActivity),
  );

  return {
    state$,
    snapshot,
    status: (): ConnectionStatus => changes$.value.status,
    watch(event: SessionEvent): void {
      // A wire that drains may reconnect for it, but never goes back to life.
      if (changes$.value.status === 'disconnecting') return;
      if (event.kind === 'open') change({ status: 'connected', reconnectAttempts: 0 });
      if (event.kind === 'lost') change({ status: 'reconnecting', reconnectAttempts: 0, error: event.error });
      if (event.kind === 'retry') {
        const { attempt, delay, error } = event;
        change({ status: 'reconnecting', reconnectAttempts: attempt, nextAttemptAt: scheduler.now() + delay, error });
      }
    },
    disconnecting: (): void => change({ status: 'disconnecting', reconnectAttempts: 0 }),
    end(failed: boolean, error?: unknown): void {
      change({ status: failed ? 'error' : 'disconnected', reconnectAttempts: changes$.value.reconnectAttempts, ...(failed && { error }) });
      changes$.complete();
    },
  };
}
