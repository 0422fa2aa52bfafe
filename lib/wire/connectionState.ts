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

/**
 * The status of a wire. `error` and `disconnected` are final.
 *
 * @example
 * wire.state$.subscribe(({ status }) => draw(status === ConnectionStatus.RECONNECTING));
 */
export const ConnectionStatus = {
  CONNECTING: 'connecting',
  CONNECTED: 'connected',
  DISCONNECTING: 'disconnecting',
  DISCONNECTED: 'disconnected',
  RECONNECTING: 'reconnecting',
  ERROR: 'error',
} as const;

/** One of the statuses of a wire, as its text. */
export type ConnectionStatus = (typeof ConnectionStatus)[keyof typeof ConnectionStatus];

/** The state of a wire at one moment. Times are ms since the epoch, durations ms. */
export interface ConnectionState {
  readonly id: string;
  readonly status: ConnectionStatus;
  /** The transport in use: one of {@link TransportProtocol}, or the name of another link. */
  readonly protocol: string;
  /** The address of the link; empty if the link does not have one. */
  readonly endpoint: string;
  readonly createdAt: number;
  /** When a frame was last sent or received; `createdAt` until then. */
  readonly lastActivity: number;
  /** Set if the platform reports that there is no network. */
  readonly isOffline?: true;
  /** Attempts since the connection last worked. */
  readonly reconnectAttempts: number;
  /** While reconnecting: when the next attempt is due. */
  readonly nextAttemptAt?: number;
  /** The reason why the wire is reconnecting, or has failed. */
  readonly error?: unknown;
  readonly metrics: ConnectionMetrics;
}

/** The counters of a wire since it was created. */
export interface ConnectionMetrics {
  /** Characters are counted for text frames. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly errors: number;
  /** The time from sending a message to its ack, for the latest ack, in ms; 0 until there is one. */
  readonly latency: number;
  /** How long the wire has been connected, in ms; 0 when it is not. */
  readonly uptime: number;
}

/** The counters of a wire, which its layers increment. */
export interface Traffic {
  bytesSent: number;
  bytesReceived: number;
  messagesSent: number;
  messagesReceived: number;
  errors: number;
  latency: number;
  lastActivity?: number;
}

export function createTraffic(): Traffic {
  return { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, errors: 0, latency: 0 };
}

interface Identity {
  readonly id: string;
  protocol(): string;
  readonly endpoint: string;
  readonly isOffline?: boolean;
  /** Emits when `isOffline` may have changed. */
  readonly signals$?: Observable<unknown>;
}

type Change = Pick<ConnectionState, 'status' | 'reconnectAttempts' | 'nextAttemptAt' | 'error'>;

/** How often the counters are read while the state has a subscriber, in ms. */
const SAMPLE_INTERVAL = 1_000;

function now(identity: Identity) {
  const { id, endpoint, isOffline } = identity;
  return { id, protocol: identity.protocol(), endpoint, ...(isOffline && { isOffline }) };
}

/** Tracks the state of one wire. It costs next to nothing while the state has no subscriber. */
export class StateTracker {
  readonly #identity: Identity;
  readonly #traffic: Traffic;
  readonly #scheduler: SchedulerLike;
  readonly #createdAt: number;
  #current: Change = START;
  #connectedAt = Infinity;
  /** Begins with the current state. Created when it is first used. */
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
    // A wire that is not connected counts as connected in the future.
    const uptime = Math.max(0, this.#scheduler.now() - this.#connectedAt);
    return { ...now(this.#identity), ...this.#current, createdAt: this.#createdAt, lastActivity, metrics: { ...counts, uptime } };
  }

  watch(event: SessionEvent): void {
    // A wire that drains may reconnect, but remains `disconnecting`.
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

  /** Makes the last change. */
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

/** Returns whether two states need not be reported as a change. */
function isSame(a: ConnectionState, b: ConnectionState): boolean {
  return a.status === b.status && a.isOffline === b.isOffline && a.nextAttemptAt === b.nextAttemptAt && tally(a) === tally(b);
}

/** Returns a number that grows with each of the counters. */
function tally({ metrics: { bytesSent, bytesReceived, messagesSent, messagesReceived, errors } }: ConnectionState): number {
  return bytesSent + bytesReceived + messagesSent + messagesReceived + errors;
}
