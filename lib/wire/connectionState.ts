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
import { completionOf } from '../internal/completionOf.js';
import type { SessionEvent } from '../session/sessionEvents.js';
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
  protocol(): string;
  readonly endpoint: string;
  readonly isOffline?: boolean;
  /** Tells when that may have changed. */
  readonly signals$?: Observable<unknown>;
}

type Change = Pick<ConnectionState, 'status' | 'reconnectAttempts' | 'nextAttemptAt' | 'error'>;

/** While somebody looks, the numbers are read this often, in ms. */
const SAMPLE_INTERVAL = 1_000;

function now(identity: Identity) {
  const { id, endpoint, isOffline } = identity;
  return { id, protocol: identity.protocol(), endpoint, ...(isOffline && { isOffline }) };
}

/** Keeps the state of one wire. Costs next to nothing while nobody looks. */

export class StateKeeper {
  readonly #identity: Identity;
  readonly #traffic: Traffic;
  readonly #scheduler: SchedulerLike;
  readonly #createdAt: number;
  #current: Change = START;
  #connectedAt = Infinity;
  /** Begins with how it is; made when somebody looks. */
  #changes$: ReplaySubject<Change> | undefined;
  #isOver = false;

  constructor(identity: Identity, traffic: Traffic, scheduler: SchedulerLike) {
    this.#identity = identity;
    this.#traffic = traffic;
    this.#scheduler = scheduler;
    this.#createdAt = scheduler.now();
  }

  states(): Observable<ConnectionState> {
    return defer(() => {
      const all$ = (this.#changes$ ??= this.#changes());
      const samples$ = merge(interval(SAMPLE_INTERVAL, this.#scheduler), this.#identity.signals$ ?? NEVER);
      return merge(all$, samples$.pipe(takeUntil(completionOf(all$)))).pipe(
        map(() => this.snapshot()),
        distinctUntilChanged(isSame),
      );
    });
  }

  snapshot(): ConnectionState {
    const { lastActivity = this.#createdAt, ...counts } = this.#traffic;
    // Not connected is connected in the future.
    const uptime = Math.max(0, this.#scheduler.now() - this.#connectedAt);
    return { ...now(this.#identity), ...this.#current, createdAt: this.#createdAt, lastActivity, metrics: { ...counts, uptime } };
  }

  watch(event: SessionEvent): void {
    // A wire that drains may reconnect for it, but never goes back to life.
    if (this.#current.status === 'disconnecting') return;
    if (event.kind === 'open') this.change('connected');
    if (event.kind === 'lost') this.change('reconnecting', { error: event.error });
    if (event.kind === 'retry') {
      const { attempt: reconnectAttempts, delay, error } = event;
      this.change('reconnecting', { reconnectAttempts, nextAttemptAt: this.#scheduler.now() + delay, error });
    }
  }

  change(status: ConnectionStatus, details?: Partial<Change>): void {
    if (status !== 'disconnecting') this.#connectedAt = status === 'connected' ? this.#scheduler.now() : Infinity;
    this.#current = { status, reconnectAttempts: 0, ...details };
    this.#changes$?.next(this.#current);
  }

  /** The last change of all. */
  end(status: ConnectionStatus, details?: Partial<Change>): void {
    this.change(status, { reconnectAttempts: this.#current.reconnectAttempts, ...details });
    this.#isOver = true;
    this.#changes$?.complete();
  }

  #changes(): ReplaySubject<Change> {
    const changes$ = new ReplaySubject<Change>(1);
    changes$.next(this.#current);
    if (this.#isOver) changes$.complete();
    return changes$;
  }
}

const START: Change = { status: 'connecting', reconnectAttempts: 0 };

/** Whether nobody need be told. */
function isSame(a: ConnectionState, b: ConnectionState): boolean {
  return a.status === b.status && a.isOffline === b.isOffline && a.nextAttemptAt === b.nextAttemptAt && tally(a) === tally(b);
}

/** Grows when any of the counters does. */
function tally({ metrics: { bytesSent, bytesReceived, messagesSent, messagesReceived, errors } }: ConnectionState): number {
  return bytesSent + bytesReceived + messagesSent + messagesReceived + errors;
}
