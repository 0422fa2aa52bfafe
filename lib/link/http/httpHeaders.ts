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

/** 43 characters of 6 bits hold 256 bits. */
export const LINK_LENGTH = 43;
