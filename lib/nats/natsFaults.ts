import { StoreError } from '../errors.js';

/** Returns the JetStream error code of a failure. */
export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

export const STREAM_NOT_FOUND = 10059;
export const STREAM_FULL = 10077;
const WRONG_LAST_SEQUENCE = 10071;
/** A cluster answers so while it stores another message of the subject. */
const WRONG_LAST_SEQUENCE_IN_FLIGHT = 10164;
const CONSUMER_NOT_FOUND = 10014;
/** A cluster has too few servers for a new stream. */
const NO_PEERS = 10005;
const OVERTAKEN: readonly unknown[] = [WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT];
const TEMPORARY: readonly unknown[] = [STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, NO_PEERS];

/** Returns whether a compare-and-set has failed: the subject has another last entry. */
export const isOvertaken = (error: unknown): boolean => OVERTAKEN.includes(codeOf(error));

/**
 * Returns whether JetStream has rejected a request for good. Status codes from 500 on are those of
 * a cluster that elects a leader.
 */
export function isRefusal(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500 && !TEMPORARY.includes(codeOf(error));
}

/** Returns whether the stream may be missing. A stream without a leader has no responder either. */
export function isStreamMissing(error: unknown): boolean {
  return codeOf(error) === STREAM_NOT_FOUND || (error as { name?: unknown } | null)?.name === 'JetStreamNotEnabled';
}

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));

/** Returns the error for data of a subject that cannot be read. */
export const corrupt = (subject: string, cause?: unknown): StoreError =>
  new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause }));
