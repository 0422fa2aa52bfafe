import type { SchedulerLike } from 'rxjs';
import { createMessage } from '../../message/createMessage.js';
import type { Frame } from '../../link/link.js';
import { createDeadLetter, failureOf } from '../consume/createDeadLetter.js';
import type { BatchFrame } from '../protocol/frames.js';
import type { Completion } from '../store/inbox.js';

/** The maximum length of the body that a dead letter keeps, in bytes or characters. */
const MAX_BODY = 65_536;

export interface UndecodableOptions {
  /** The name of the codec. */
  readonly codec: string;
  /** The id of the sender. */
  readonly source: string;
  /** How often the batch was received. */
  readonly attempts: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Returns the outcomes of the messages of a batch that cannot be decoded: each is rejected, and the first one has a dead letter for all of
 * them. Its message has the type `system.undecodable`, and contains the body of the batch.
 */
export function undecodableOutcomes({ first, count, body }: BatchFrame, error: unknown, options: UndecodableOptions) {
  const { codec, source, attempts, scheduler } = options;
  const { reason, error: text } = failureOf(error);
  const rejection = { kind: 'undecodable', code: reason, reason: text } as const;
  const payload = { number: first, count, codec, size: body.length, body: startOf(body) };
  const message = createMessage('system.undecodable', payload, { source, scheduler });
  const letter: Completion<unknown> = { deadLetter: createDeadLetter(message, error, { attempts, scheduler }), rejection };
  return { letter, other: { rejection } };
}

function startOf(body: Frame): Frame {
  return body.slice(0, MAX_BODY);
}
