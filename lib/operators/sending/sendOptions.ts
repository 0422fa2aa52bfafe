import type { Observable } from 'rxjs';
import { anything, whole, type OptionTable } from '../../message/options/readOptions.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';

export interface SendOptions {
  /** Messages without an outcome at most. Keep it below `maxQueued` of the wire. @default 1_000 */
  readonly ahead?: number;
  /**
   * The maximum number of messages of an Observable that wait for room; one more fails the stream.
   * Other sources wait themselves.
   * @default 10_000
   */
  readonly maxBuffered?: number;
  /**
   * Whether the stream emits the receipt of a message that was given up, and continues.
   * @default false: the stream fails with the error of the message
   */
  readonly emitFailed?: boolean;
}

export const SEND_OPTIONS = {
  ahead: [whole, 1_000],
  maxBuffered: [whole, 10_000],
  emitFailed: [anything, false],
} as const satisfies OptionTable<SendOptions>;

/** A Web `ReadableStream`. */
export interface ReadableStreamOf<T> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
    cancel(reason?: unknown): Promise<void>;
    releaseLock(): void;
  };
}

/** An Observable, an iterable, an async iterable as a Node `Readable`, or a `ReadableStream`. */
export type MessageSource<T extends Message = Message> = Observable<T> | Iterable<T> | AsyncIterable<T> | ReadableStreamOf<T>;

/** The part of a wire that `sendAll` uses. */
export interface SendingWire {
  next(message: Message): void;
  readonly receipts$: Observable<Receipt>;
  /** Returns whether a message has no outcome yet. */
  isPending(id: string): boolean;
  /** The status of the wire, and the error that has ended it. */
  readonly state: { readonly status: string; readonly error?: unknown };
}

/** Receipts to subscribe to, or for `for await`. Each one sends the source anew. */
export type SentReceipts = Observable<Receipt> & AsyncIterable<Receipt>;
