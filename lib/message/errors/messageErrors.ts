import { becauseOfWire, POINTER, RxwireError } from './rxwireError.js';

/** No ack arrived in time, and no attempts are left. */
export class AckTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly attempts: number;
  declare readonly timeout: number;

  /** @param attempts The number of times that the message was sent. */
  constructor(id: string, attempts: number, timeout: number) {
    super('ERR_ACK_TIMEOUT', `the message ${id} was sent ${attempts} times, and no ack arrived within ${timeout} ms`, {
      id,
      attempts,
      timeout,
    });
  }
}

/** A received frame is not valid for the codec. It was dropped. */
export class DecodeError extends RxwireError {
  declare readonly codec: string;
  declare readonly reason: string;

  constructor(codec: string, reason: string, cause?: unknown) {
    super('ERR_DECODE', `the codec ${codec} cannot decode a frame: ${reason}`, { codec, reason }, cause);
  }
}

/**
 * A payload cannot be decrypted: it is not encrypted, forged, was encrypted for another message, or
 * with an unknown key.
 */
export class DecryptError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  constructor(id: string, type: string, reason: string, cause?: unknown) {
    super('ERR_DECRYPT', `the payload of the message ${id} (${type}) cannot be decrypted: ${reason}`, { id, type, reason }, cause);
  }
}

/** The reason for which a message or value was dropped. */
export type DropReason = 'overflow' | 'expired' | 'closed' | 'evicted';

const DROPPED: Readonly<Record<DropReason, string>> = {
  overflow: 'the queue was full',
  expired: 'its ttl has passed',
  closed: 'the wire has ended',
  evicted: 'the store of dead letters was full',
};

/**
 * The wire dropped a message, unsent or without an ack, or evicted a dead letter; `id` identifies
 * the message.
 */
export class MessageDroppedError extends RxwireError {
  declare readonly id: string;
  declare readonly reason: DropReason;

  constructor(id: string, reason: DropReason) {
    super('ERR_DROPPED', `the message ${id} was dropped: ${DROPPED[reason]}`, { id, reason });
  }

  /**
   * Adds the error that has ended the wire to the error of a message that is dropped at that end.
   */
  explain(cause: unknown): void {
    if (this.reason !== 'closed' || cause === undefined) return;
    this.message = this.message.split(POINTER).join(becauseOfWire(cause) + POINTER);
    this.cause = cause;
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
    const name = message ? `the message ${message.id} (${message.type})` : 'a message';
    super(
      'ERR_ENCODE',
      `the codec ${codec} cannot encode ${name}: ${reason}`,
      { codec, reason, ...(message && { id: message.id, type: message.type }) },
      cause,
    );
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
    const name = message ? `the message ${message.id} (${message.type})` : 'a frame';
    super('ERR_FRAME_TOO_LARGE', `${name} of ${size} bytes exceeds the limit of ${limit} bytes ("maxFrame")`, {
      size,
      limit,
      ...(message && { id: message.id, type: message.type }),
    });
  }
}

/** A value is not a message: `path` names the field, as in `[3].headers`. */
export class InvalidMessageError extends RxwireError {
  declare readonly path: string;
  declare readonly reason: string;

  constructor(path: string, reason: string) {
    super('ERR_INVALID_MESSAGE', `invalid message: ${path} ${reason}`, { path, reason });
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
    super('ERR_INVALID_PAYLOAD', `the payload of the message ${id} (${type}) is invalid: ${reason}`, { id, type, reason }, cause);
  }
}

/**
 * The peer dropped messages that it had promised to deliver: they had expired, or its buffers were
 * full. Later messages follow after a gap.
 */
export class MessagesMissedError extends RxwireError {
  declare readonly count: number;

  constructor(count: number) {
    super('ERR_MISSED', `the other side has dropped ${count} undelivered messages`, { count });
  }
}

/** A message is marked as encrypted, but its payload is not encrypted. It was not sent. */
export class NotEncryptedError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly reason: string;

  constructor({ id, type }: MessageName) {
    const reason = 'metadata.encrypted is true, but the payload is not encrypted. Use encryptPayload or a sealed codec';
    super('ERR_NOT_ENCRYPTED', `the message ${id} (${type}) was not sent: ${reason}`, { id, type, reason });
  }
}

/** A buffer is full, and its policy is `error`. */
export class OverflowError extends RxwireError {
  declare readonly buffer: string;
  declare readonly limit: number;

  constructor(buffer: string, limit: number) {
    super('ERR_OVERFLOW', `${buffer}: the limit of ${limit} is reached`, { buffer, limit });
  }
}

/** The kinds of store failures. */
export type StoreFault = 'quota' | 'fenced' | 'evicted' | 'corrupt' | 'failed';

const FAULTS: Readonly<Record<StoreFault, string>> = {
  quota: 'has no room',
  fenced: 'has another owner now',
  evicted: 'has lost its data',
  corrupt: 'contains an unreadable record',
  failed: 'cannot be used',
};

/**
 * A store failed: there is no space, another owner has taken over, its data was deleted, or a
 * record is unreadable.
 */
export class StoreError extends RxwireError {
  declare readonly store: string;
  declare readonly fault: StoreFault;

  /**
   * @param store The store: `indexeddb`, `lmdb`, `nats`, `postgres`, `web-storage`, or `web-locks`,
   *   which grants it to one tab.
   */
  constructor(store: string, fault: StoreFault, cause?: unknown) {
    super('ERR_STORE', `the store ${store} ${FAULTS[fault]}`, { store, fault }, cause);
  }
}

/**
 * A handler has finally failed: its message is a dead letter. `cause` is the error of the last
 * attempt.
 */
export class HandlerError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;
  declare readonly attempts: number;

  constructor({ id, type }: MessageName, attempts: number, cause: unknown) {
    super(
      'ERR_HANDLER',
      `the handler of the message ${id} (${type}) has failed, attempt ${attempts} was the last one`,
      { id, type, attempts },
      cause,
    );
  }
}

/** A middleware has failed: its message was dropped. `cause` is its error. */
export class MiddlewareError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName, cause: unknown) {
    super('ERR_MIDDLEWARE', `a middleware has failed for the message ${id} (${type})`, { id, type }, cause);
  }
}

/** A message arrived for which there is no handler. */
export class UnhandledError extends RxwireError {
  declare readonly id: string;
  declare readonly type: string;

  constructor({ id, type }: MessageName) {
    super('ERR_UNHANDLED', `no handler exists for the message ${id} (${type})`, { id, type });
  }
}

/** The fields of a message that an error contains. */
export interface MessageName {
  readonly id: string;
  readonly type: string;
}

/**
 * The peer no longer knows whether it received this message, whose effect must occur once: it was
 * not sent again.
 */
export class InDoubtError extends RxwireError {
  declare readonly id: string;

  constructor(id: string) {
    super('ERR_IN_DOUBT', `the message ${id} was not sent again: the other side may have processed it`, { id });
  }
}

/** The receiver did not allow this message: it was received, and not processed. */
export class MessageRefusedError extends RxwireError {
  declare readonly id: string;
  /** The code of the receiver's error. */
  declare readonly remoteCode: string;
  declare readonly reason: string;

  constructor(id: string, remoteCode: string, reason: string) {
    super('ERR_REFUSED', `the other side refused the message ${id}: ${reason}`, { id, remoteCode, reason });
  }
}
