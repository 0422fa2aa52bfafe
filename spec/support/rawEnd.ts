import { Subject } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { record, type Recording } from './record.js';

/** One end of a connection, by hand: what is sent is written out, and what came is looked at. */
export interface RawEnd {
  readonly send: (...frames: readonly Frame[]) => void;
  readonly close: (code?: number) => void;
  /** What has come; it ends with how the connection did. */
  readonly frames: Recording<Frame>;
  /** The close code; 1000 for a goodbye. */
  readonly code: Promise<unknown>;
}

/** A connection, and the link for who is at its other end. */
export function rawEnd(): readonly [end: RawEnd, link: Link<Frame>] {
  const [near, far] = memoryLink<Frame>();
  return [open(near), far];
}

/** Opens a link by hand. */
export function open(link: Link<Frame>): RawEnd {
  const toPeer$ = new Subject<Frame>();
  const frames = record(link(toPeer$));
  return {
    send: (...sent) => sent.forEach((frame) => toPeer$.next(frame)),
    close: (code) => (code === undefined ? toPeer$.complete() : toPeer$.error(new ConnectionLostError(code, ''))),
    frames,
    code: frames.ended.then((end) => (end instanceof ConnectionLostError ? end.closeCode : 1000)),
  };
}
