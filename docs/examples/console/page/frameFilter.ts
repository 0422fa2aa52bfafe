import { detailsOf } from './frameWords.js';
import type { LogRow } from './frameLog.js';

/** Which rows are shown; an empty text means all. */
export interface FrameFilter {
  readonly kind: string;
  readonly direction: string;
  /** A type of messages. */
  readonly type: string;
  /** A text that the decoded frame must contain, in any case. */
  readonly text: string;
}

/** Returns whether a row is shown. The ends of connections separate what is shown, whatever that is. */
export function isShown({ frame, event }: LogRow, { kind, direction, type, text }: FrameFilter): boolean {
  if (event) return true;
  if (kind === 'resent' ? !frame.isResent : kind !== '' && frame.kind !== kind) return false;
  if (direction !== '' && frame.direction !== direction) return false;
  if (type !== '' && !frame.types.includes(type)) return false;
  return text === '' || detailsOf(frame).toLowerCase().includes(text.toLowerCase());
}
