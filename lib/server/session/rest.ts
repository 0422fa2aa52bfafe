import { controlFrame, readFrame } from '../../session/frames.js';
import type { Frame } from '../../link/link.js';
import type { Endpoint } from '../../session/endpoint.js';
import { cursorWith } from '../../session/progress.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { Allowance } from '../../session/flight.js';

/** What remains of a session that has nothing to do: all that was sent is acked, all that came is processed. */
export interface Rest {
  /** The highest number that we have sent. */
  readonly acked: number;
  /** What we may send. */
  readonly allowance: Allowance;
  /** What has come is processed so far; also what came before a restart, out of order, and will come again. */
  readonly cursor: Cursor;
}

/** The highest numbers there are of what has come, and of what was acked by the client; and how much is open: messages to it that are not, frames that are not read. */
export interface Reached {
  readonly rx: number;
  readonly acked: number;
  readonly open: number;
}

export const NOTHING_REACHED: Reached = { rx: 0, acked: 0, open: 0 };

/** How far a session has got that rests. */
export function reachedBy({ acked, cursor }: Rest): Reached {
  return { rx: cursor.done, acked, open: 0 };
}

/** What would remain of it; nothing, when it has something to do. */
export function restOf({ outgoing, incoming, unread }: Endpoint): Rest | undefined {
  const { acked, sent, bytes, limit, bytesAllowed, isBusy } = outgoing.flight;
  const isIdle = outgoing.isIdle() && bytes === 0 && acked === sent && !isBusy && incoming.isIdle() && unread() === 0;
  return isIdle
    ? { acked, allowance: { window: limit - acked, bytes: bytesAllowed }, cursor: cursorWith(incoming.receiver.progress, []) }
    : undefined;
}

/** What the session would answer, and what remains of it then, when a frame says nothing new; nothing, when it must wake for that. */
export function answerOf(frame: Frame, rest: Rest, window = 1_024): { readonly reply?: Frame; readonly rest: Rest } | undefined {
  if (typeof frame !== 'string') return undefined;
  const { done } = rest.cursor;
  if (frame === controlFrame('ping', done)) return { reply: controlFrame('ack', done, window), rest };
  const credit = creditOf(frame, rest);
  return credit === undefined ? undefined : { rest: { ...rest, allowance: { ...rest.allowance, window: credit } } };
}

/** What an ack that acks nothing new allows to be sent. */
function creditOf(frame: string, { acked }: Rest): number | undefined {
  if (!frame.startsWith('["ack",')) return undefined;
  try {
    const read = readFrame(frame);
    return read.kind === 'ack' && read.done === acked ? read.credit : undefined;
  } catch {
    // The session will say what is wrong with it.
    return undefined;
  }
}
