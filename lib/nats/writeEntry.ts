import { ATTEMPT_TIMEOUT, type NatsContext } from './natsContext.js';
import { codeOf, WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT } from './natsFaults.js';
import { entryBytes } from './streamEntry.js';

export interface NewEntry {
  readonly subject: string;
  /**
   * The sequence number of the entry of the subject behind which it is stored; 0 if there is none.
   */
  readonly behind: number;
  /** The same; where that entry is removed, its sequence number if it is known. */
  readonly previous: number;
  readonly epoch: string;
  /** The frame of the codec. */
  readonly frame: Uint8Array | string;
}

const LOST: readonly unknown[] = [WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT];

/**
 * Stores an entry directly behind the last one of its subject. Returns its sequence number;
 * undefined if the subject has another last entry. If it fails, the outcome is unknown: the entry
 * may have been stored, or may be stored later, but only while that entry is the last one.
 */
export async function writeEntry(
  { client }: Pick<NatsContext, 'client'>,
  { subject, behind, previous, epoch, frame }: NewEntry,
  timeout: number,
): Promise<number | undefined> {
  const options = { timeout: Math.max(1, Math.min(timeout, ATTEMPT_TIMEOUT)), expect: { lastSubjectSequence: behind } };
  try {
    const { seq, duplicate } = await client.publish(subject, entryBytes(epoch, previous, frame), options);
    // JetStream answers so for an entry that its replicas do not have.
    if (duplicate || seq <= 0) throw new Error('JetStream has not confirmed the entry');
    return seq;
  } catch (error) {
    if (LOST.includes(codeOf(error))) return undefined;
    throw error;
  }
}
