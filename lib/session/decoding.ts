import type { Direction } from '../codec/codec.js';
import { ConnectionLostError, DecodeError } from '../errors.js';
import { attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import { BAD_FRAMES, GAP } from '../link/closeCode.js';
import type { Message } from '../message/types.js';
import type { Connection } from './connection.js';
import { decodeBody } from './encoding.js';
import type { Report } from './events.js';
import type { SessionFrame } from './frames.js';
import type { Negotiable } from './negotiable.js';

/** The frame of a batch. */
export type BatchFrame = Extract<SessionFrame, { readonly kind: 'msg' }>;

export interface DecoderOptions {
  readonly codec: Negotiable;
  /** Which way what is sent goes; what is received goes the other way. */
  readonly sends: Direction;
  /** Names the client's outbox. */
  readonly pid: () => string;
  readonly maxBadFrames: number;
  readonly report: Report;
}

/** Gets the messages of batches; of those that cannot be read, and have no number, none. */
export function createDecoder({ codec, sends, pid, maxBadFrames, report }: DecoderOptions) {
  const direction = sends === 'to-server' ? 'to-client' : 'to-server';
  let bad = 0;

  const refuse = (first: number, error: unknown): void => {
    report({ kind: 'error', error });
    if (++bad >= maxBadFrames) throw new ConnectionLostError(BAD_FRAMES, `${bad} bad frames`);
    // It is still to come: what follows it cannot be taken. And with whoever forges batches nobody goes on.
    if (first > 0 || codec.current.isSealed) throw new ConnectionLostError(GAP, `${first} could not be read`);
  };
  /** @throws {ConnectionLostError} When the connection cannot go on; also delivered. */
  return ({ first, count, body }: BatchFrame, connection: Pick<Connection, 'isOver'>): MaybeAsync<readonly Message[]> => {
    const check = (messages: readonly Message[]): readonly Message[] => {
      if (messages.length !== count)
        throw new DecodeError(codec.current.name, `${messages.length} messages, where ${count} were announced`);
      bad = 0;
      return messages;
    };
    const failed = (error: unknown): readonly Message[] => {
      if (!connection.isOver) refuse(first, error);
      return [];
    };
    return attempt(() => decodeBody(codec.current, body, { direction, pid: pid(), first, count }), check, failed);
  };
}
