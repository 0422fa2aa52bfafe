import type { Codec, Frame, Message } from '../../../lib/index.js';
import { readFrame } from '../../../lib/session/frames.js';
import type { Hello } from '../../../lib/session/handshake.js';
import type { Side } from '../network.js';

/** The numbers of one sender: who has got, done and acked which. */
export interface Space {
  /** What the receiver was brought under each number that it has not acked. */
  brought: Map<number, string>;
  /** The highest number that the receiver has acked, and that its sender knows to be acked. */
  acked: number;
  known: number;
}

/** One direction of a connection. */
export interface Flow {
  /** What both agreed on at its beginning. */
  rx: number;
  window: number;
  bytes: number;
  /** The highest number that was sent over it, in order. */
  last: number | undefined;
  /** The highest number that was acked over it: another process may know more. */
  known: number;
  readonly skipped: Set<number>;
  readonly flying: { readonly last: number; readonly size: number }[];
}

export interface Talk {
  /** Who is the client. */
  readonly receiver: string;
  hello?: Hello;
  /** When it was welcomed. */
  since: number;
  readonly flows: Partial<Record<Side, Flow>>;
}

export function newSpace(): Space {
  return { brought: new Map(), acked: 0, known: 0 };
}

export function newFlow(rx: number, window: number, bytes: number): Flow {
  return { rx, window, bytes, last: undefined, known: 0, skipped: new Set(), flying: [] };
}

/** The messages in a frame or its body. */
export function idsIn(frame: Frame, codec: Codec): readonly string[] {
  if (typeof frame === 'string') return [...frame.matchAll(/"id":"(\w+)"/g)].map(([, id = '']) => id);
  const read = frame[0] === 1 ? readFrame(frame) : undefined;
  // Here the codecs are asked that answer at once.
  const messages = codec.decode(read?.kind === 'msg' ? read.body : frame) as readonly Message[];
  return messages.map(({ id }) => id);
}
