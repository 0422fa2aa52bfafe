import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { filter, from, map, Subject, type Observable, type SchedulerLike, type Unsubscribable } from 'rxjs';
import type { RxwireError } from '../errors.js';
import { guard } from '../internal/guard.js';
import { NODE_PATTERN } from '../link/http/httpHeaders.js';
import { failed } from './natsFaults.js';

/** The result of `connect` of a NATS transport. */
export type NatsConnection = Parameters<typeof jetstream>[0];

/** A message of a plain subject. */
export type NatsMessage = Parameters<NonNullable<NonNullable<Parameters<NatsConnection['subscribe']>[1]>['callback']>>[1];

/** The options of a log and of a cluster that all of their parts use. */
export interface NatsSettings {
  readonly connection: NatsConnection;
  /** The number of copies that NATS keeps of each message. */
  readonly replicas: number;
  readonly storage: 'file' | 'memory';
  /** The timeout of a write or a read, in ms. */
  readonly timeout: number;
  readonly scheduler: SchedulerLike;
  readonly onError?: ((error: RxwireError) => void) | undefined;
}

/** The connection and settings that all parts share. */
export interface NatsContext extends NatsSettings {
  readonly client: JetStreamClient;
  /** Its requests have the timeout of one attempt, unless another one is given, in ms. */
  readonly manager: (timeout?: number) => Promise<JetStreamManager>;
  readonly isConnected: () => boolean;
  readonly reconnected$: Observable<void>;
  /** Fails when the connection is lost. */
  readonly lost$: Observable<never>;
  /** Returns the maximum size of a message, in bytes. */
  readonly maxPayload: () => number;
  /** Receives the messages of a plain subject. Reports the failures of the subscription. */
  readonly listen: (subject: string, next: (message: NatsMessage) => void) => Unsubscribable;
  /** Calls `onError` of the user, which may throw. */
  readonly report: (error: RxwireError) => void;
}

/** The context of one node of a cluster. */
export interface NodeContext extends NatsContext {
  /** The name of the cluster: its streams and subjects begin with it. */
  readonly name: string;
  /** Names this node among those of the cluster. */
  readonly node: string;
}

/**
 * The timeout of one attempt, in ms. After a leader's death, JetStream does not answer what was
 * sent before.
 */
export const ATTEMPT_TIMEOUT = 1_000;
/** The `max_payload` of NATS by default, until the server reports its own. */
const MAX_PAYLOAD = 1_048_576;

export function createNatsContext<S extends NatsSettings>(settings: S): S & NatsContext {
  const { connection, timeout, onError } = settings;
  const report = (error: RxwireError): void =>
    guard(
      () => onError?.(error),
      // There is no other place to report it.
      () => undefined,
    );
  return {
    ...settings,
    ...createConnectionStatus(connection),
    client: jetstream(connection, { timeout }),
    manager: (limit = Math.min(timeout, ATTEMPT_TIMEOUT)) => jetstreamManager(connection, { checkAPI: false, timeout: limit }),
    maxPayload: () => connection.info?.max_payload ?? MAX_PAYLOAD,
    listen: (subject, next) =>
      connection.subscribe(subject, { callback: (error, message) => (error ? report(failed(error)) : next(message)) }),
    report,
  };
}

/**
 * Reads the status once for the lifetime of the connection, which would keep each further iterator
 * until the next event.
 */
function createConnectionStatus(connection: NatsConnection): Pick<NatsContext, 'isConnected' | 'reconnected$' | 'lost$'> {
  const changes$ = new Subject<string>();
  let isConnected = !connection.isClosed();
  const change = (type: string): void => {
    isConnected = type === 'reconnect' || (isConnected && type !== 'disconnect' && type !== 'close');
    changes$.next(type);
  };
  const end = (): void => change('close');
  from(connection.status()).subscribe({ next: ({ type }) => change(type), error: end, complete: end });
  return {
    isConnected: () => isConnected,
    reconnected$: changes$.pipe(
      filter((type) => type === 'reconnect'),
      map(() => undefined),
    ),
    lost$: changes$.pipe(
      filter((type) => type === 'disconnect' || type === 'close'),
      map((type) => {
        throw new Error(`the connection to NATS is ${type === 'close' ? 'closed' : 'lost'}`);
      }),
    ),
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
