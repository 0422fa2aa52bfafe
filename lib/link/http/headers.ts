/** What the requests of one link have in common; docs/protocol.md has the rules. */
export const HttpHeader = {
  /** Names the link: a secret of 256 random bits. */
  LINK: 'rxwire-link',
  /** Counts what goes up, and, apart from that, what asks for more: 1, 2, 3 … */
  NUMBER: 'rxwire-number',
  /** The close code of who says goodbye. */
  CODE: 'rxwire-code',
  /** Why, percent-encoded. */
  REASON: 'rxwire-reason',
} as const;

/** What frames are as bytes. */
export const RECORDS_TYPE = 'application/octet-stream';

/** What frames are as events. */
export const EVENTS_TYPE = 'text/event-stream';

/** Bytes that go together in one body, unless it is a single frame that has more. */
export const MAX_BODY = 256 * 1024;

/** 43 characters of 6 bits hold 256 bits. */
export const LINK_LENGTH = 43;

/** Bytes that a body may have, for whoever takes frames of `maxFrame` bytes. */
export function bodyLimit(maxFrame: number): number {
  return Math.max(maxFrame + 1_024, MAX_BODY);
}
