/** Frames of this size and more are acked at once, in bytes. */
const LARGE_FRAME = 16_384;

/** The messages and bytes in flight, with a new frame, and their limits. */
export interface Load {
  readonly messages: number;
  readonly window: number;
  readonly bytes: number;
  readonly bytesAllowed: number;
}

/**
 * Returns whether the receiver may delay the ack of a frame: the frame is small, and most of the
 * window is free.
 */
export function mayAckWait(size: number, { messages, window, bytes, bytesAllowed }: Load): boolean {
  return size < LARGE_FRAME && 4 * messages <= window && 4 * bytes <= bytesAllowed;
}
