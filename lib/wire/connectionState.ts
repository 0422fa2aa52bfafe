import { noop, Observable, type SchedulerAction, type SchedulerLike } from 'rxjs';
import { noteConnection } from '../message/development.js';
import type { ConnectionLostError } from '../message/errors.js';
import { wallTime } from '../message/steadyScheduler.js';
import { ABNORMAL } from '../message/closeCode.js';
import type { TransportProtocol } from '../io/link.js';
import type { SessionEvent } from './session/sessionEvents.js';

/**
 * The status of a wire. A wire that loses its connection is `disconnected`, then `reconnecting`.
 * The last status is `error`, or `disconnected` in a state that `isFinal`.
 *
 * @example
 * import { connect, ConnectionStatus, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.state$.subscribe(({ status }) => console.log(status === ConnectionStatus.RECONNECTING));
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
  /** Set in the last state of the wire. */
  readonly isFinal?: true;
  /** The transport in use: one of {@link TransportProtocol}, or the name of another link. */
  readonly protocol: TransportProtocol | (string & {});
  /** The address of the link; empty if the link does not have one. */
  readonly endpoint: string;
  readonly createdAt: number;
  /** When a frame was last sent or received; `createdAt` until then. */
  readonly lastActivity: number;
  /** Set if the platform reports that there is no network. */
  readonly isOffline?: true;
  /** Set while another owner, such as another tab, has the outbox of the wire open. */
  readonly waitingFor?: 'outbox';
  /** Attempts since the connection last worked. */
  readonly reconnectAttempts: number;
  /** While reconnecting: when the next attempt is due. */
  readonly nextAttemptAt?: number;
  /** The reason why the wire is reconnecting, or has failed. */
  readonly error?: unknown;
  /**
   * The close code of the last connection that ended, or could not be opened; absent until then.
   * `explainCloseCode` returns a sentence that explains it. 1006: the connection ended without a
   * close frame.
   */
  readonly closeCode?: number;
  /**
   * The reason in the close frame of that connection, or what this side knows about its failure;
   * may be empty.
   */
  readonly closeReason?: string;
  readonly metrics: ConnectionMetrics;
}

/** The counters of a wire since it was created. */
export interface ConnectionMetrics {
  /** The bytes of all frames. The framing of the transport, compression and TLS are not counted. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly errors: number;
  /**
   * The time from sending a message, or a ping, to its ack, for the latest ack, in ms; 0 until
   * there is one. The session of a client pings while no message is in flight, twice in the
   * `pingInterval` of the server at most.
   */
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
  /** The time of the last frame, in ms of the clock of the scheduler; -Infinity until then. */
  activeAt: number;
}

export function createTraffic(): Traffic {
  return { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, errors: 0, latency: 0, activeAt: -Infinity };
}

/** The parts of a wire that its state shows. */
export interface Identity {
  readonly id: string;
  /** Returns the name of the transport in use: each connection may have another one. */
  protocol(): string;
  readonly endpoint: string;
  /** Whether the platform reports that there is no network. @default not known */
  readonly isOffline?: boolean;
  /** The store of the unacked messages, which may wait for another owner. */
  readonly outbox?: { isWaiting?(): boolean } | undefined;
  /** Emits when `isOffline` may have changed. */
  readonly signals$?: Observable<unknown> | undefined;
}

type Close = Pick<ConnectionState, 'closeCode' | 'closeReason'>;
type Change = Pick<ConnectionState, 'status' | 'reconnectAttempts' | 'nextAttemptAt' | 'error'>;

/** How often the counters are read while the state has a subscriber, in ms. */
const SAMPLE_INTERVAL = 1_000;

/** Tracks the state of one wire. It costs next to nothing while the state has no subscriber. */
export class StateTracker {
  readonly #identity: Identity;
  readonly #traffic: Traffic;
  readonly #scheduler: SchedulerLike;
  readonly #createdAt: number;
  #current: Change = START;
  #connectedAt = Infinity;
  /** Each emits the state to one subscriber, unless it has the state. Created at the first use. */
  #emitters: Set<() => void> | undefined;
  #isOver = false;
  #isOpen = false;
  #close: Close | undefined;

  constructor(identity: Identity, traffic: Traffic, scheduler: SchedulerLike) {
    this.#identity = identity;
    this.#traffic = traffic;
    this.#scheduler = scheduler;
    this.#createdAt = wallTime(scheduler);
  }

  states(): Observable<ConnectionState> {
    // eslint-disable-next-line no-restricted-syntax -- the subscription to the signals ends with its subscriber; the session reports their errors
    return new Observable((to) => {
      const emitters = (this.#emitters ??= new Set());
      let reported: string | undefined;
      const emit = (): void => {
        try {
          const state = this.snapshot();
          const facts = factsOf(state);
          if (facts !== reported) {
            reported = facts;
            to.next(state);
          }
        } catch (error) {
          // The outbox of an application has thrown.
          to.error(error);
        }
        if (this.#isOver) to.complete();
      };
      function sample(this: SchedulerAction<unknown>): void {
        emit();
        this.schedule(undefined, SAMPLE_INTERVAL);
      }
      emitters.add(emit);
      to.add(() => emitters.delete(emit));
      emit();
      if (to.closed) return;
      to.add(this.#scheduler.schedule(sample, SAMPLE_INTERVAL));
      to.add(this.#identity.signals$?.subscribe({ next: emit, error: noop }));
    });
  }

  snapshot(): ConnectionState {
    const { id, endpoint, isOffline, outbox } = this.#identity;
    const { activeAt, ...counts } = this.#traffic;
    const now = this.#scheduler.now();
    // A wire that is not connected counts as connected in the future.
    const uptime = Math.max(0, now - this.#connectedAt);
    return {
      id,
      protocol: this.#identity.protocol(),
      endpoint,
      ...(isOffline && { isOffline }),
      ...(outbox?.isWaiting?.() && { waitingFor: 'outbox' }),
      ...this.#current,
      ...(this.#isOver && { isFinal: true }),
      ...this.#close,
      createdAt: this.#createdAt,
      lastActivity: Math.max(this.#createdAt, wallTime(this.#scheduler) - (now - activeAt)),
      metrics: { ...counts, uptime },
    };
  }

  watch(event: SessionEvent): void {
    const { kind } = event;
    // A wire that drains may reconnect, but remains `disconnecting`.
    const isDraining = this.#current.status === 'disconnecting';
    if (kind === 'open') {
      this.#isOpen = true;
      noteConnection(this.#identity);
      if (!isDraining) this.change('connected');
    }
    if (kind === 'closed' && this.#isOpen) this.#ended(event, ABNORMAL);
    if (kind === 'retry') noteConnection(this.#identity, event);
    if (kind !== 'lost' && kind !== 'retry' && kind !== 'moved') return;
    const failure = kind === 'moved' ? {} : { error: event.error };
    this.#ended(kind === 'moved' ? event : event.error, ABNORMAL);
    if (this.#current.status === 'connected') this.change('disconnected', failure);
    // A subscriber of the state may have ended the wire.
    if (isDraining || this.#isOver) return;
    const next = kind !== 'lost' && {
      reconnectAttempts: kind === 'retry' ? event.attempt : 1,
      nextAttemptAt: wallTime(this.#scheduler) + event.delay,
    };
    this.change('reconnecting', { ...next, ...failure });
  }

  change(status: ConnectionStatus, details?: Partial<Change>): void {
    if (status !== 'disconnecting') this.#connectedAt = status === 'connected' ? this.#scheduler.now() : Infinity;
    this.#current = { status, reconnectAttempts: 0, ...details };
    if (this.#emitters) for (const emit of [...this.#emitters]) emit();
  }

  /** Makes the last change. @param closeCode The code, unless the failure has one. */
  end(status: ConnectionStatus, closeCode: number, failure?: Pick<Change, 'error'>): void {
    this.#ended(failure?.error, closeCode);
    this.#isOver = true;
    this.change(status, { reconnectAttempts: this.#current.reconnectAttempts, ...failure });
  }

  /** Records why a connection ended. @param closeCode The code, if the failure has none. */
  #ended(failure: unknown, closeCode: number): void {
    this.#close = closeOf(failure) ?? (this.#isOpen ? { closeCode, closeReason: '' } : this.#close);
    this.#isOpen = false;
  }
}

const START: Change = { status: 'connecting', reconnectAttempts: 0 };

/** Returns the close code and reason of a failure, or of its cause. */
function closeOf(failure: unknown): Close | undefined {
  const error = Object(failure) as Partial<ConnectionLostError>;
  const { closeCode, reason = '' } = 'closeCode' in error ? error : (Object(error.cause) as typeof error);
  return closeCode === undefined ? undefined : { closeCode, closeReason: reason };
}

/** Returns what makes a state differ from the last one that was reported. */
function factsOf({ status, isFinal, isOffline, waitingFor, nextAttemptAt, metrics }: ConnectionState): string {
  const { bytesSent, bytesReceived, messagesSent, messagesReceived, errors } = metrics;
  return String([
    status,
    isFinal,
    isOffline,
    waitingFor,
    nextAttemptAt,
    bytesSent + bytesReceived + messagesSent + messagesReceived + errors,
  ]);
}
