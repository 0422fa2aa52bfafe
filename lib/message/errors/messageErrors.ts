import { messageOf, RxwireError } from './rxwireError.js';

/** No ack arrived in time, and no attempts are left. */
export class AckTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly attempts: number;
  declare readonly timeout: number;

  /** @param attempts The number of times that the message was sent. */
  constructor(id: string, attempts: number, timeout: number) {
    super('ERR_ACK_TIMEOUT', { id, attempts, timeout });
  }
}

/** A received frame is not valid for the codec. It was dropped. */
export class DecodeError extends RxwireError {
  declare readonly codec: string;
  declare readonly reason: string;
  /**
   * The start of the frame, for logs: 256 bytes or characters at most, without the header of the
   * protocol. The other side has chosen this data, and it may contain payloads: escape it, and do
   * not show it to users. Absent if no wire reports the error, and if the frame is readable, but
   * has another number of messages than its header says.
   */
  declare readonly frame?: string | Uint8Array;

  constructor(codec: string, reason: string, cause?: unknown) {
    super('ERR_DECODE', { codec, reason }, cause);
  }
}

/** A payload cannot be decrypted: plain, forged, of another message, or with an unknown key. */
export class DecryptError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  constructor(id: string, type: string, reason: string, cause?: unknown) {
    super('ERR_DECRYPT', { id, type, reason }, cause);
  }
}

/** The reason for which a message or value was dropped. */
export type DropReason = 'overflow' | 'expired' | 'closed' | 'evicted';

/** The wire dropped the message with this id, unsent or without an ack, or a dead letter. */
export class MessageDroppedError extends RxwireError {
  declare readonly id: string;
  declare readonly reason: DropReason;

  constructor(id: string, reason: DropReason) {
    super('ERR_DROPPED', { id, reason });
  }

  /** Adds the error that has ended the wire, if the message was dropped at that end. */
  explain(cause: unknown): void {
    if (this.reason !== 'closed' || cause === undefined) return;
    this.cause = cause;
    this.message = messageOf(this.code, this);
  }
}

/** A message contains a value that the codec does not support. It was not sent. */
export class EncodeError extends RxwireError {
  declare readonly codec: string;
  declare readonly reason: string;
  /** The id of the message. Absent in the error of a codec, which encodes whole batches. */
  declare readonly id?: string;
  declare readonly type?: string;

  constructor(codec: string, reason: string, cause?: unknown, message?: MessageName) {
    super('ERR_ENCODE', { codec, reason, ...(message && { id: message.id, type: message.type }) }, cause);
  }
}

/** A frame exceeds the limit. It was neither sent nor read. */
export class FrameTooLargeError extends RxwireError {
  declare readonly size: number;
  declare readonly limit: number;
  /** The id of the message. Absent if the frame has no known message, as a received one. */
  declare readonly id?: string;
  declare readonly type?: string;

  /** @param size In bytes. @param message The only message of the frame. */
  constructor(size: number, limit: number, message?: MessageName) {
    super('ERR_FRAME_TOO_LARGE', { size, limit, ...(message && { id: message.id, type: message.type }) });
  }
}

/** A value is not a message: `path` names the field, as in `[3].headers`. */
export class InvalidMessageError extends RxwireError {
  declare readonly path: string;
  declare readonly reason: string;

  constructor(path: string, reason: string) {
    super('ERR_INVALID_MESSAGE', { path, reason });
  }
}

/** A payload does not match its schema. */
export class InvalidPayloadError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  /** @param issues All issues that the schema reports; `reason` is the first. */
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

/** The peer dropped messages that had expired, or exceeded its buffers. Later ones follow. */
export class MessagesMissedError extends RxwireError {
  declare readonly count: number;

  constructor(count: number) {
    super('ERR_MISSED', { count });
  }
}

/** A message is marked as encrypted, but its payload is not encrypted. It was not sent. */
export class NotEncryptedError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  constructor({ id, type }: MessageName) {
    const reason = 'metadata.encrypted is true, but the payload is not encrypted. Use encryptPayload or a sealed codec';
    super('ERR_NOT_ENCRYPTED', { id, type, reason });
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

/** A handler has failed finally: its message is a dead letter. `cause` is the last error. */
export class HandlerError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly attempts: number;

  constructor({ id, type }: MessageName, attempts: number, cause: unknown) {
    super('ERR_HANDLER', { id, type, attempts }, cause);
  }
}

/** A middleware has failed: its message was dropped. `cause` is its error. */
export class MiddlewareError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName, cause: unknown) {
    super('ERR_MIDDLEWARE', { id, type }, cause);
  }
}

/** A message arrived for which there is no handler. */
export class UnhandledError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName) {
    super('ERR_UNHANDLED', { id, type });
  }
}

/** The fields of a message that an error contains. */
export interface MessageName {
  readonly id: string;
  readonly type: string;
}

/** The peer may have received this message, whose effect must occur once: it is not sent again. */
export class InDoubtError extends RxwireError {
  declare readonly id: string;

  constructor(id: string) {
    super('ERR_IN_DOUBT', { id });
  }
}

/** The receiver did not allow this message: it was received, and not processed. */
export class MessageRefusedError extends RxwireError {
  declare readonly id: string;
  /** The code of the receiver's error. */
  declare readonly remoteCode: string;
  declare readonly reason: string;

  constructor(id: string, remoteCode: string, reason: string) {
    super('ERR_REFUSED', { id, remoteCode, reason });
  }
}
