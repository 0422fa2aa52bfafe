import type { Observable, ObservableInput, SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../message/errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { MessageOf } from '../ofType.js';

/**
 * The types of replies and progress, by the `type` of the request. Declare them as in
 * `MessageTypes`, next to the payload of the request.
 *
 * @example
 * import { connect, createMessage, request, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * declare module 'rxwire' {
 *   interface MessageTypes {
 *     'files.list': { readonly folder: string };
 *   }
 *   interface RequestTypes {
 *     'files.list': { readonly reply: string; readonly progress: number };
 *   }
 * }
 * request(wire, createMessage('files.list', { folder: '/' })).subscribe((name) =>
 *   console.log(name.toUpperCase()),
 * );
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- applications fill it
export interface RequestTypes {}

/** The type of a reply to a request: declared, or `unknown`. */
export type ReplyOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly reply: infer Value }
    ? Value
    : unknown
  : unknown;

/** The type of a request's progress: declared, or `unknown`. */
export type ProgressOf<T extends string> = T extends keyof RequestTypes
  ? RequestTypes[T] extends { readonly progress: infer Value }
    ? Value
    : unknown
  : unknown;

/** The transport of requests: a wire, or any Subject that sends and emits messages. */
export interface RequestWire extends Observable<Message> {
  /** Sends. */
  next(message: Message): void;
  /** Reports requests that could not be sent. */
  readonly failures$?: Observable<Receipt>;
  /** Returns whether a request may not have arrived yet. @default true */
  isPending?(id: string): boolean;
  /** Reports when the other side has lost its session. */
  readonly errors$?: Observable<RxwireError>;
  /** Its status, and the error with which it has ended. */
  readonly state?: { readonly status?: string; readonly error?: unknown };
}

export interface RequestOptions<T extends string> {
  /** The maximum silence before a reply or progress of the other side, in ms. @default 30_000 */
  readonly timeout?: number;
  /** The maximum silence after the first reply or progress, in ms. @default `timeout` */
  readonly each?: number;
  /** The maximum number of open requests on this wire; one more fails. @default 1_000 */
  readonly maxOpen?: number;
  /** Called with the progress of the other side. An exception is the error of the request. */
  readonly onProgress?: (progress: ProgressOf<T>) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The second argument of a handler. */
export interface ReplyContext<T extends string> {
  /** Aborted when the caller no longer waits. Observables do not need it: they are unsubscribed. */
  readonly signal: AbortSignal;
  /** Sends progress to the caller. */
  readonly progress: (progress: ProgressOf<T>) => void;
}

/**
 * Answers a request. Each value of the returned Observable, promise, iterable or stream is a reply,
 * and its completion ends the replies. A text, bytes and any other value are the only reply.
 */
export type ReplyHandler<T extends string> = (
  message: MessageOf<T>,
  context: ReplyContext<T>,
) => ObservableInput<ReplyOf<T>> | Exclude<ReplyOf<T>, Iterable<unknown>>;

export interface ReplyOptions {
  /** The maximum number of concurrent requests. @default 1_000 */
  readonly concurrency?: number;
  /** Requests that wait at most; one more is answered with `ERR_OVERFLOW`. @default 1_000 */
  readonly maxWaiting?: number;
  /** The minimum time between progress messages of a request, in ms. @default 100 */
  readonly progressInterval?: number;
  /**
   * Returns the error that is sent to the caller.
   * @default code and reason of a `ReplyError`, code
   * and text of an `RxwireError`, `ERR_INTERNAL` for all others
   */
  readonly describe?: (error: unknown) => ReplyErrorPayload;
  /**
   * Called with each request that was answered with an error, and with that error: the
   * `RxwireError` that the handler has thrown, or a `HandlerError`, whose `cause` is the error of
   * the handler. An exception ends the stream.
   * @default the wire reports a `HandlerError` in its `errors$`; without a wire, it ends the stream
   */
  readonly onError?: (error: RxwireError, request: Message) => void;
  /**
   * The wire that carries the replies. It reports replies that could not be sent, so that the
   * caller gets an error, and it receives the errors of failed handlers.
   * @default the source of the operator, or the wire of that channel; if the source is no wire, the
   * wire that delivers the request receives the errors
   */
  readonly wire?: ReplyWire;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The part of a wire that reports the fate of replies. */
export interface ReplyWire {
  /** Reports replies that could not be sent. Without it, the caller gets no error for them. */
  readonly failures$?: Observable<Receipt>;
  /** Returns whether a reply may still fail. @default true */
  isPending?(id: string): boolean;
  /** Called with errors of handlers that are not sent to the caller. */
  report?(error: RxwireError): void;
}
