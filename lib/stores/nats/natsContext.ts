import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { firstValueFrom, from, mergeMap, race, Subject, throwError, timer, type SchedulerLike, type Unsubscribable } from 'rxjs';
import { StoreError, type RxwireError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { anything, positive, type OptionTable } from '../../message/options/readOptions.js';
import { NODE_PATTERN } from '../../io/http/httpHeaders.js';
import { withBatchedRequests, type NatsConnection, type NatsMessage } from './batchedRequests.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';

export type { NatsConnection, NatsMessage };

type Status = ReturnType<NatsConnection['status']> extends AsyncIterable<infer T> ? T : never;

/** The options of a log and of a cluster. */
export interface NatsOptions {
  /**
   * An open connection of `@nats-io/transport-node` without `noEcho`, which the caller keeps and
   * closes. Set `maxReconnectAttempts: -1`; otherwise it closes for good after a long outage of
   * NATS.
   */
  readonly connection: NatsConnection;
  /**
   * The number of copies that NATS keeps of each message of a new stream: 3 survives the death of
   * one server of NATS.
   * @default 1
   */
  readonly replicas?: number;
  /** Where NATS keeps the messages of a new stream. @default 'file' */
  readonly storage?: 'file' | 'memory';
  /**
   * How long a write or a read may take, in ms. After the death of a leader, NATS may take 7 s to
   * elect another one.
   * @default 15_000
   */
  readonly timeout?: number;
  /**
   * Called with errors that no call returns: NATS is unreachable, or a stream contains something
   * that is not a message. Its exceptions are ignored.
   * @default no report
   */
  readonly onError?: (error: RxwireError) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

export const NATS_OPTIONS = {
  replicas: [positive, 1],
  storage: [anything, 'file'],
  timeout: [positive, 15_000],
} as const satisfies OptionTable<NatsOptions>;

export type NatsSettings = Required<Omit<NatsOptions, 'onError'>> & Pick<NatsOptions, 'onError'>;

export type NatsContext = ReturnType<typeof createNatsContext<NatsSettings>>;

export interface NodeContext extends NatsContext {
  /** The name of the cluster: its streams and subjects begin with it. */
  readonly name: string;
  readonly node: string;
}

/** The timeout of one attempt, in ms: a new leader does not answer earlier requests. */
export const ATTEMPT_TIMEOUT = 1_000;
/** The timeout of an attempt that is told its timeout, in ms. */
const LONGEST_ATTEMPT = 2_000;
/** The pause between two attempts, in ms, and the longest one while there is no connection. */
const PAUSE = 50;
const OFFLINE_PAUSE = 250;
/** The `max_payload` of NATS by default, until the server reports its own. */
const MAX_PAYLOAD = 1_048_576;

export function createNatsContext<S extends NatsSettings>(settings: S) {
  const { connection, timeout, onError } = settings;
  /** Calls `onError` of the user, which may throw. */
  const report = (error: RxwireError): void =>
    callSafely(
      () => onError?.(error),
      // There is no other place to report it.
      () => undefined,
    );
  const { errors$, ...status } = createConnectionStatus(connection);
  const requesting = withBatchedRequests({ ...settings, ...status, errors$ });
  /** By the timeouts of their requests. */
  const managers = new Map<number, Promise<JetStreamManager>>();
  return {
    ...settings,
    ...status,
    ...createRetrying({ ...settings, ...status }),
    client: jetstream(requesting, { timeout }),
    /** Its requests have the timeout of one attempt, unless another one is given, in ms. */
    manager: (limit = Math.min(timeout, ATTEMPT_TIMEOUT)): Promise<JetStreamManager> => {
      const known = managers.get(limit) ?? jetstreamManager(requesting, { checkAPI: false, timeout: limit });
      managers.set(limit, known);
      return known;
    },
    maxPayload: (): number => connection.info?.max_payload ?? MAX_PAYLOAD,
    /** Receives the messages of a plain subject. Reports the failures of the subscription. */
    listen: (subject: string, next: (message: NatsMessage) => void): Unsubscribable =>
      connection.subscribe(subject, { callback: (error, message) => (error ? report(failed(error)) : next(message)) }),
    report,
  };
}

type ConnectionStatus = ReturnType<typeof createConnectionStatus>;
type RetryContext = Pick<NatsSettings, 'connection' | 'timeout' | 'scheduler'> & Pick<ConnectionStatus, 'isConnected' | 'reconnected$'>;

export type Retrying = ReturnType<typeof createRetrying>;

/** Repeats requests while NATS is unreachable, or elects a leader. */
export function createRetrying({ connection, timeout, scheduler, isConnected, reconnected$ }: RetryContext) {
  /**
   * Waits before another attempt after a failure. The wait ends when the connection is back.
   * @throws {StoreError} Delivered, if there is none to be made.
   */
  const pauseAfter = async (error: unknown, until: number): Promise<void> => {
    const left = until - scheduler.now();
    if (error instanceof StoreError || isRefusal(error) || connection.isClosed() || left <= 0) throw failed(error);
    const pause = Math.min(isConnected() ? PAUSE : OFFLINE_PAUSE, left);
    await firstValueFrom(race(timer(pause, scheduler), reconnected$), { defaultValue: undefined });
  };
  return {
    pauseAfter,
    /**
     * Repeats a request after each temporary failure until it succeeds. The request must be one
     * that may be repeated.
     *
     * @param request Called with the timeout of the attempt, in ms.
     * @param until The end of the last attempt, as a time of the scheduler.
     * @throws {StoreError} Delivered: `failed` after the timeout, if NATS has rejected the request
     *   finally, or the connection is closed. A StoreError of the request is delivered unchanged.
     */
    retry: async <T>(request: (timeout: number) => Promise<T>, until = scheduler.now() + timeout): Promise<T> => {
      for (;;) {
        try {
          return await request(Math.max(1, Math.min(LONGEST_ATTEMPT, until - scheduler.now())));
        } catch (error) {
          await pauseAfter(error, until);
        }
      }
    },
  };
}

/** Reads the status once: the connection would keep each iterator until the next event. */
function createConnectionStatus(connection: NatsConnection) {
  const errors$ = new Subject<Error>();
  const reconnected$ = new Subject<void>();
  const lost$ = new Subject<Error>();
  let isConnected = !connection.isClosed();
  const lose = (how: 'closed' | 'lost'): void => {
    isConnected = false;
    lost$.next(new Error(`the connection to NATS is ${how}`));
  };
  const next = (status: Status): void => {
    if (status.type === 'error') errors$.next(status.error);
    else if (status.type === 'disconnect') lose('lost');
    else if (status.type === 'close') lose('closed');
    else if (status.type === 'reconnect') {
      isConnected = true;
      reconnected$.next();
    }
  };
  const end = (): void => {
    lose('closed');
    errors$.complete();
  };
  from(connection.status()).subscribe({ next, error: end, complete: end });
  return {
    errors$,
    isConnected: (): boolean => isConnected,
    reconnected$: reconnected$.asObservable(),
    /** Fails when the connection is lost. */
    lost$: lost$.pipe(mergeMap((error) => throwError(() => error))),
  };
}

/**
 * Asserts that each of the names may name a stream, the first token of a subject, or a node, and
 * that the connection receives its own messages.
 * @throws {TypeError} Names the option.
 */
export function assertNats(owner: string, connection: NatsConnection, names: Readonly<Record<string, string>>): void {
  for (const [option, value] of Object.entries(names))
    if (!NODE_PATTERN.test(value)) throw new TypeError(`${owner}: "${option}" must be letters, digits, _ and -, got ${value}`);
  // The type of the connection does not show its options.
  if ((connection as { readonly options?: { readonly noEcho?: boolean } }).options?.noEcho === true)
    throw new TypeError(`${owner}: "connection" must receive its own messages: open it without "noEcho"`);
}

/**
 * Returns the name of a channel as one token of a subject. The name may contain dots, which
 * separate tokens, and no `=`: each dot becomes one.
 * @throws {TypeError} If the name is invalid.
 */
export function channelToken(channel: string): string {
  if (!NAME_PATTERN.test(channel)) throw new TypeError(`natsChannelLog: the name of a channel must match ${NAME_PATTERN.source}`);
  return channel.replaceAll('.', '=');
}

export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

export const STREAM_NOT_FOUND = 10059;
export const STREAM_FULL = 10077;
const WRONG_LAST_SEQUENCE = 10071;
/** A cluster answers so while it stores another message of the subject. */
const WRONG_LAST_SEQUENCE_IN_FLIGHT = 10164;
const CONSUMER_NOT_FOUND = 10014;
/** A cluster has too few servers for a new stream. */
const NO_PEERS = 10005;
const OVERTAKEN: readonly unknown[] = [WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT];
const TEMPORARY: readonly unknown[] = [STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, NO_PEERS];

/** Returns whether a compare-and-set has failed: the subject has another last entry. */
export const isOvertaken = (error: unknown): boolean => OVERTAKEN.includes(codeOf(error));

/**
 * Returns whether JetStream has rejected a request for good. Status codes from 500 on are those of
 * a cluster that elects a leader.
 */
export function isRefusal(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500 && !TEMPORARY.includes(codeOf(error));
}

/** Returns whether the stream may be missing. A stream without a leader has no responder either. */
export function isStreamMissing(error: unknown): boolean {
  const { name } = Object(error) as { readonly name?: unknown };
  return codeOf(error) === STREAM_NOT_FOUND || name === 'JetStreamNotEnabled' || name === 'NoRespondersError';
}

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));

/** Returns the error for data of a subject that cannot be read. */
export const corrupt = (subject: string, cause?: unknown): StoreError =>
  new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause }));
