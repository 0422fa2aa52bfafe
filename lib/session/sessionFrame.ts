import {
  invalid,
  readAck,
  readBinaryBatch,
  readControl,
  readRejectFrame,
  readSkip,
  readTextBatch,
  wholeNumber,
  type ArrivedBatch,
} from '../core/frameFormat.js';
import type { RejectionFields } from '../core/storedTypes.js';
import type { Frame } from '../link/link.js';

/** A frame between the two sides of a session. docs/protocol.md describes the protocol. */
export type SessionFrame =
  | { readonly kind: 'hello' | 'welcome' | 'auth' | 'bye'; readonly value: unknown }
  | ({ readonly kind: 'msg' } & ArrivedBatch)
  | { readonly kind: 'skip'; readonly numbers: readonly number[] }
  | { readonly kind: 'reject'; readonly rejections: readonly RejectionFields[] }
  | { readonly kind: 'ack'; readonly done: number; readonly credit: number; readonly delay: number }
  | { readonly kind: 'ping'; readonly sent: number };

/** Reads a frame for a person, or a tool. @throws {Violation} If the frame is invalid. */
export function readFrame(frame: Frame): SessionFrame {
  const batch = typeof frame === 'string' ? readTextBatch(frame) : readBinaryBatch(frame);
  if (batch) return { kind: 'msg', ...batch };
  const [kind, value, credit, delay, rejected] = readControl(frame as string);
  switch (kind) {
    case 'hello':
    case 'welcome':
    case 'auth':
    case 'bye':
      return { kind, value };
    case 'skip':
      return { kind, numbers: readSkip(value) };
    case 'reject':
      return { kind, rejections: readRejectFrame(value) };
    case 'ack': {
      const ack = readAck(value, credit, delay, rejected);
      return { kind, done: ack.done, credit: ack.credit, delay: ack.delay };
    }
    case 'ping':
      return { kind, sent: wholeNumber(value) };
    default:
      return invalid('the frame is unknown');
  }
}
