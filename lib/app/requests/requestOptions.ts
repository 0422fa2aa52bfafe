import type { Observable, SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { ProgressOf } from './requestTypes.js';

/** What requests can go over: a wire, or any Subject that sends what it is given, and emits what the other side sends. */
export interface RequestWire extends Observable<Message> {
  /** Sends. */
  next(message: Message): void;
  /** Tells of requests that could not be sent. */
  readonly receipts$?: Observable<Receipt>;
  /** Tells when the other side has forgotten what it was asked. */
  readonly errors$?: Observable<RxwireError>;
  /** Tells why it has ended. */
  readonly state?: { readonly error?: unknown };
}

export interface RequestOptions<T extends string> {
  /** How long the other side may be silent about the request, in ms: until it replies or reports progress, and from then on. @default 30_000 */
  readonly timeout?: number;
  /** How long it may be silent after its first word; `Infinity`: for ever. @default `timeout` */
  readonly each?: number;
  /** Requests that may be open at once over this wire: one more fails. @default 1_000 */
  readonly maxOpen?: number;
  /** Told how far the other side is, where it says so. A throw is the error of the request. */
  readonly onProgress?: (progress: ProgressOf<T>) => void;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}
