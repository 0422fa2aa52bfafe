import type { Codec, Frame, Message } from '../../../lib/index.js';
import { readFrame } from '../../support/protocol/frames.js';
import type { Hello } from '../../support/protocol/handshake.js';
import type { Side } from '../network.js';

/** The numbers of one sender: who has got, done and acked which. */
export interface Space {
  /** What the receiver was brought under each number that it has not acked. */
  brought: Map<number, string>;
  /** The messages that came last under each number, also where the number was skipped before. */
  readonly carried: Map<number, string>;
  /** The highest number that the receiver has acked. */
  acked: number;
  /** The highest number that the sender knows to be acked, by owner of the outbox: two processes with one outbox know what each was told. */
  readonly known: Map<number, number>;
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
  /** Names who remembers what was received by the client. */
  readonly receiver: string;
  /** Which owner of its outbox each side is: the client by its epoch; a server has one for itself. */
  readonly owners: Record<Side, number>;
  hello?: Hello;
  /** When it was welcomed. */
  since: number;
  readonly flows: Partial<Record<Side, Flow>>;
}

export function newSpace(): Space {
  return { brought: new Map(), carried: new Map(), acked: 0, known: new Map() };
}

/** What an owner of an outbox knows to be acked; one that has just opened it knows what the one before it did, at most: the outbox says so. */
export function knownBy(owner: number, { known }: Space): number {
  const last = Math.max(...[...known.keys()].filter((one) => one <= owner));
  return known.get(last) ?? 0;
}

export function newFlow(rx: number, window: number, bytes: number): Flow {
  return { rx, window, bytes, last: undefined, known: 0, skipped: new Set(), flying: [] };
}

let latest: { readonly frame: Frame; readonly ids: readonly string[] } | undefined;

/** Returns the ids of the messages in a frame or its body. Several checks read the same frame one after the other. */
export function idsIn(frame: Frame, codec: Codec): readonly string[] {
  if (latest?.frame !== frame) latest = { frame, ids: readIds(frame, codec) };
  return latest.ids;
}

function readIds(frame: Frame, codec: Codec): readonly string[] {
  if (typeof frame === 'string') return [...frame.matchAll(/"id":"(\w+)"/g)].map(([, id = '']) => id);
  const read = frame[0] === 1 || frame[0] === 2 ? readFrame(frame) : undefined;
  // Here the codecs are asked that answer at once.
  const messages = codec.decode(read?.kind === 'msg' ? read.body : frame) as readonly Message[];
  return messages.map(({ id }) => id);
}
