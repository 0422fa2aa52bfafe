import { RxwireError } from './rxwireError.js';

/** No ack came in time, and no attempt was left. */
export class AckTimeoutError extends RxwireError {
  /** @param attempts How often the message was sent. */
  constructor(
    readonly id: string,
    readonly attempts: number,
    readonly timeout: number,
  ) {
    super('ERR_ACK_TIMEOUT', `no ack for ${id} within ${timeout} ms, attempts: ${attempts}`);
  }
}

/** A function given by the application threw; `cause` is what it threw. */
export class CallbackError extends RxwireError {
  constructor(
    readonly callback: string,
    cause: unknown,
  ) {
    super('ERR_CALLBACK', `the function given as "${callback}" threw: ${String(cause)}`, cause);
  }
}

/** Bytes came that are no frame of the codec. They were dropped. */
export class DecodeError extends RxwireError {
  constructor(
    readonly codec: string,
    reason: string,
    cause?: unknown,
  ) {
    super('ERR_DECODE', `${codec}: ${reason}`, cause);
  }
}

/** Why a message or value was dropped. */
export type DropReason = 'overflow' | 'expired' | 'closed';

/** A message left the wire unsent, or was given up; `id` names it. */
export class MessageDroppedError extends RxwireError {
  constructor(
    readonly id: string,
    readonly reason: DropReason,
  ) {
    super('ERR_DROPPED', `message ${id} was dropped: ${reason}`);
  }
}

/** A message holds something that the codec cannot carry. It was not sent. */
export class EncodeError extends RxwireError {
  constructor(
    readonly codec: string,
    reason: string,
    cause?: unknown,
  ) {
    super('ERR_ENCODE', `${codec}: ${reason}`, cause);
  }
}

/** A frame exceeds the limit. It was neither sent nor read. */
export class FrameTooLargeError extends RxwireError {
  /** @param size Bytes (of a text frame: characters). */
  constructor(
    readonly size: number,
    readonly limit: number,
  ) {
    super('ERR_FRAME_TOO_LARGE', `a frame of ${size} bytes exceeds the limit of ${limit}`);
  }
}

/** What came is no message: `path` names the field, as in `[3].headers`. */
export class InvalidMessageError extends RxwireError {
  constructor(
    readonly path: string,
    reason: string,
  ) {
    super('ERR_INVALID_MESSAGE', `${path || 'message'} ${reason}`);
  }
}

/** A buffer is full, and its policy is `error`. */
export class OverflowError extends RxwireError {
  constructor(
    readonly buffer: string,
    readonly limit: number,
  ) {
    super('ERR_OVERFLOW', `${buffer}: full at ${limit}`);
  }
}
