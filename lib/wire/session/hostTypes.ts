import type { CoreEvent } from '../../core/coreTypes.js';
import type { Frame } from '../../io/link.js';
import type { ReceiptInterest } from '../../core/receiptInterest.js';
import type { Codec } from '../../codec/codec.js';
import type { WireListeners } from './messageClaim.js';
import type { ByteCounts } from './encoding.js';
import type { EndpointOptions, FullEndpointOptions } from './sessionOptions.js';

export interface HostOptions extends FullEndpointOptions {
  /** The codecs of this side, the best first. */
  readonly codecs: readonly Codec[];
}

/** The user of one host: the parts of a wire, or the options of a session without one. */
export interface HostUser extends ReceiptInterest, WireListeners, Pick<EndpointOptions, 'report' | 'deadLetter'> {
  /** Counts the bytes of frames. @default not counted */
  readonly traffic?: ByteCounts;
}

export interface HostConnection {
  send(frame: Frame): void;
  /** Closes the connection: normally, or with a close code and a reason. */
  close(code?: number, reason?: string): void;
  /** Whether too many bytes wait: nothing is sent until `schedule` is called. @default false */
  readonly isFull?: boolean;
}

/** An event that concerns the connection. The host leaves it to its owner. */
export type ConnectionEvent = Extract<CoreEvent, { readonly kind: 'agreed' | 'expires' | 'auth' | 'bye' | 'close' }>;
