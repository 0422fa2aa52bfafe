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
  /**
   * The name of the node of a cluster at which the link was opened: the server sends it with the
   * first response, the client with all later requests.
   */
  NODE: 'rxwire-node',
} as const;

/** The content type of frames as bytes. */
export const RECORDS_TYPE = 'application/octet-stream';

export const EVENTS_TYPE = 'text/event-stream';

/** The names of the nodes of a cluster. */
export const NODE_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** 43 characters of 6 bits hold 256 bits. */
export const LINK_LENGTH = 43;
