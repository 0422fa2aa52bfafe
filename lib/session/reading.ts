import { identity } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../errors.js';
import { attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import { BAD_FRAMES } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Connection } from './connection.js';
import { checkSize } from './encoding.js';
import type { Report } from './events.js';
import { readFrame, type SessionFrame } from './frames.js';
import type { Incoming } from './incoming.js';
import type { Outgoing } from './outgoing.js';

export type HandshakeFrame = Extract<SessionFrame, { readonly value: unknown }>;

export interface ReaderOptions {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly maxFrame: number;
  readonly report: Report;
  readonly onHandshake: (frame: HandshakeFrame, connection: Connection) => void;
  /** Called with each frame that comes before we may send. */
  readonly onEarly: (connection: Connection) => void;
}

/** Takes what comes over a connection. What breaks a rule ends the connection: nothing of it is taken. */
export function createReader({ incoming, outgoing, maxFrame, report, onHandshake, onEarly }: ReaderOptions) {
  const take = (frame: SessionFrame, connection: Connection): MaybeAsync<void> => {
    if ('value' in frame) {
      onHandshake(frame, connection);
      return;
    }
    if (!connection.isWelcome) throw new ProtocolError('a frame before the welcome');
    const isEarly = !connection.isAgreed;
    if (isEarly) {
      if (frame.kind === 'ack' && frame.done >= (connection.earlyAck?.done ?? 0)) connection.earlyAck = frame;
      onEarly(connection);
    }
    if (frame.kind === 'msg') return incoming.read(frame, connection);
    if (frame.kind === 'ack') {
      if (!isEarly) outgoing.acknowledge(frame.done, frame.credit);
    } else {
      incoming.acknowledge();
      if (frame.kind === 'skip') incoming.receiver.skip(frame.numbers);
      else incoming.receiver.expect(frame.sent);
    }
  };

  return (raw: Frame, connection: Connection | undefined): MaybeAsync<void> => {
    // What had to wait, and whose connection is gone, will come again.
    if (!connection || connection.isOver) return;
    const read = (): MaybeAsync<void> => {
      checkSize(raw, maxFrame);
      return take(readFrame(raw), connection);
    };
    return attempt(read, identity, (error) => refuse(error, connection, report));
  };
}

/** Ends a connection over which a rule was broken, and tells the other side which. */
export function refuse(error: unknown, connection: Pick<Connection, 'fail'>, report: Report): void {
  const isLoss = error instanceof ConnectionLostError;
  if (!isLoss) report({ kind: 'error', error });
  connection.fail(isLoss ? error : new ConnectionLostError(BAD_FRAMES, error instanceof Error ? error.message : ''));
}
