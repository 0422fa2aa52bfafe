import type { Observable, SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';

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

/**
 * The transport of requests: a wire, or any Subject that sends what it gets and emits what the
 * other side sends.
 */
export interface RequestWire extends Observable<Message> {
  /** Sends. */
  next(message: Message): void;
  /** Reports requests that could not be sent. */
  readonly failures$?: Observable<Receipt>;
  /** Returns whether a request may not have arrived yet. @default true */
  isPending?(id: string): boolean;
  /** Reports when the other side has lost its session. */
  readonly errors$?: Observable<RxwireError>;
  /** The error with which it has ended. */
  readonly state?: { readonly error?: unknown };
}

export interface RequestOptions<T extends string> {
  /**
   * The maximum silence of the other side, in ms: until its first reply or progress, and after each
   * one.
   * @default 30_000
   */
  readonly timeout?: number;
  /**
   * The maximum silence after the first reply or progress, in ms; may be `Infinity`.
   * @default `timeout`
   */
  readonly each?: number;
  /** The maximum number of open requests on this wire; one more fails. @default 1_000 */
  readonly maxOpen?: number;
  /**
   * Called with the progress that the other side reports. An exception is the error of the request.
   */
  readonly onProgress?: (progress: ProgressOf<T>) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}
