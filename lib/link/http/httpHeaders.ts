/** The header fields of a link's requests; see docs/protocol.md. */
export const HttpHeader = {
  /** The id of the link: a secret of 256 random bits. */
  LINK: 'rxwire-link',
  /** Counts the requests that send frames and, separately, those that poll: 1, 2, 3 … */
  NUMBER: 'rxwire-number',
  /** The close code of the side that closes. */
  CODE: 'rxwire-code',
  /** The close reason, percent-encoded. */
  REASON: 'rxwire-reason',
} as const;

/** The content type of frames as bytes. */
export const RECORDS_TYPE = 'application/octet-stream';

/** The content type of frames as events. */
export const EVENTS_TYPE = 'text/event-stream';

/** The maximum size of a body in bytes, unless it is a single larger frame. */
export const MAX_BODY = 256 * 1024;

/** 43 characters of 6 bits hold 256 bits. */
export const LINK_LENGTH = 43;

/** Returns the maximum size of a received body, in bytes, for frames of at most `maxFrame` bytes. */
export function bodyLimit(maxFrame: number): number {
  return Math.max(maxFrame + 1_024, MAX_BODY);
}
