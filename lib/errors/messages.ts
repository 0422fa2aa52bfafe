import { RxwireError } from './rxwireError.js';

/** No ack came in time, and no attempt was left. */
export class AckTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly attempts: number;
  declare readonly timeout: number;

  /** @param attempts How often the message was sent. */
  constructor(id: string, attempts: number, timeout: number) {
    super('ERR_ACK_TIMEOUT', { id, attempts, timeout });
  }
}

/** Bytes came that are no frame of the codec. They were dropped. */
export class DecodeError extends RxwireError {
  declare readonly codec: string;
  declare readonly reason: string;

  constructor(codec: string, reason: string, cause?: unknown) {
    super('ERR_DECODE', { codec, reason }, cause);
  }
}

/** A payload cannot be read: it is not encrypted, forged, was encrypted for another message, or with a key that is not there. */
export class DecryptError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  constructor(id: string, type: string, reason: string, cause?: unknown) {
    super('ERR_DECRYPT', { id, type, reason }, cause);
  }
}

/** Why a message or value was dropped. */
export type DropReason = 'overflow' | 'expired' | 'closed';

/** A message left the wire unsent, or was given up; `id` names it. */
export class MessageDroppedError extends RxwireError {
  declare readonly id: string;
  declare readonly reason: DropReason;

  constructor(id: string, reason: DropReason) {
    super('ERR_DROPPED', { id, reason });
  }
}

/** A message holds something that the codec cannot carry. It was not sent. */
export class EncodeError extends RxwireError {
  declare readonly codec: string;
  declare readonly reason: string;

  constructor(codec: string, reason: string, cause?: unknown) {
    super('ERR_ENCODE', { codec, reason }, cause);
  }
}

/** A frame exceeds the limit. It was neither sent nor read. */
export class FrameTooLargeError extends RxwireError {
  declare readonly size: number;
  declare readonly limit: number;

  /** @param size Bytes. */
  constructor(size: number, limit: number) {
    super('ERR_FRAME_TOO_LARGE', { size, limit });
  }
}

/** What came is no message: `path` names the field, as in `[3].headers`. */
export class InvalidMessageError extends RxwireError {
  declare readonly path: string;
  declare readonly reason: string;

  constructor(path: string, reason: string) {
    super('ERR_INVALID_MESSAGE', { path, reason });
  }
}

/** A payload is not what its schema says. */
export class InvalidPayloadError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  /** @param issues All that is wrong, as the schema says it; `reason` is the first. */
  constructor(
    id: string,
    type: string,
    reason: string,
    readonly issues: readonly { readonly message: string }[],
    cause?: unknown,
  ) {
    super('ERR_INVALID_PAYLOAD', { id, type, reason }, cause);
  }
}

/** The peer gave up messages that it had promised: they had expired, or its buffers were full. What follows comes after a gap. */
export class MessagesMissedError extends RxwireError {
  declare readonly count: number;

  constructor(count: number) {
    super('ERR_MISSED', { count });
  }
}

/** A buffer is full, and its policy is `error`. */
export class OverflowError extends RxwireError {
  declare readonly buffer: string;
  declare readonly limit: number;

  constructor(buffer: string, limit: number) {
    super('ERR_OVERFLOW', { buffer, limit });
  }
}

/** What a store cannot do any more, or has lost. */
export type StoreFault = 'quota' | 'fenced' | 'evicted' | 'corrupt' | 'failed';

/** A store failed: there is no room, another owner has taken over, it was cleared, or holds what nobody wrote. */
export class StoreError extends RxwireError {
  declare readonly store: string;
  declare readonly fault: StoreFault;

  /** @param store Which one: `indexeddb`, `lmdb`, `nats`, `web-storage`, or the `web-locks` that let one tab have it. */
  constructor(store: string, fault: StoreFault, cause?: unknown) {
    super('ERR_STORE', { store, fault }, cause);
  }
}

/** A handler has failed for good: its message is a dead letter. `cause` is what its last attempt failed with. */
export class HandlerError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly attempts: number;

  constructor({ id, type }: MessageName, attempts: number, cause: unknown) {
    super('ERR_HANDLER', { id, type, attempts }, cause);
  }
}

/** A middleware has failed: its message went no further. `cause` is what it failed with. */
export class MiddlewareError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName, cause: unknown) {
    super('ERR_MIDDLEWARE', { id, type }, cause);
  }
}

/** A message came for which there is no handler. */
export class UnhandledError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName) {
    super('ERR_UNHANDLED', { id, type });
  }
}

/** What an error says of a message. */
export interface MessageName {
  readonly id: string;
  readonly type: string;
}

/** The peer no longer knows whether it had this message, which was to have its effect once: it was not sent again. */
export class InDoubtError extends RxwireError {
  declare readonly id: string;

  constructor(id: string) {
    super('ERR_IN_DOUBT', { id });
  }
}
