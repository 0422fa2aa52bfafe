import type { ChannelRetention } from '../app/hub/channelLog.js';

/** The stored state of a channel. */
export interface ChannelHead {
  readonly epoch: string;
  /** The offset behind the latest removed message. */
  readonly first: number;
  /** The offset of the latest message; 0 if there was none. */
  readonly last: number;
  /** The run of the process that has set the latest offset behind a hole. */
  readonly run: number;
  /** The number of stored messages. */
  readonly count: number;
  /** The size of the stored messages, compacted ones included. */
  readonly bytes: number;
  /** The time of the latest message, by the clock of the store. */
  readonly at: number;
  /** The time of the latest message, in ms since 1970. */
  readonly date: number;
  /** The number of compacted entries. */
  readonly compacted: number;
  /** The message that has ended the channel, encoded: it is read also when its entry is removed. */
  readonly end?: { readonly offset: number; readonly data: Uint8Array } | undefined;
  readonly retention?: ChannelRetention | undefined;
  /** The place in the index of channels. */
  readonly slot?: ChannelSlot | undefined;
}

/**
 * The kind of an index and a time: when the latest message of a channel expires, or when a channel
 * without messages became empty.
 */
export type ChannelSlot = readonly [kind: string, step: number];

export function newChannelHead(epoch: string): ChannelHead {
  return { epoch, first: 1, last: 0, run: 1, count: 0, bytes: 0, at: 0, date: 0, compacted: 0 };
}

/** Returns whether a stored value is the head of a channel. */
export function isChannelHead(value: unknown): value is ChannelHead {
  const { epoch, first, last, run, count, bytes, at, date, compacted, end } = Object(value) as Partial<Record<keyof ChannelHead, unknown>>;
  const areNumbers = [first, last, run, count, bytes, at, date, compacted].every(Number.isFinite);
  return typeof epoch === 'string' && areNumbers && (end === undefined || isEnd(end));
}

function isEnd(value: unknown): boolean {
  const { offset, data } = Object(value) as { readonly offset?: unknown; readonly data?: unknown };
  return Number.isSafeInteger(offset) && data instanceof Uint8Array;
}
