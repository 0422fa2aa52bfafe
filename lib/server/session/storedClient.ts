import type { ClientRecord } from '../../core/storedTypes.js';
import type { InboxRecord } from '../../session/store/inbox.js';
import { isEarlier } from '../../session/store/helloNumber.js';

/** The record of a client as an inbox stores it: plain data. */
interface StoredClient {
  readonly sid: string;
  /**
   * Digests of the tokens that the client may send: that of the last welcome, and, until the client
   * has used that one, the token before.
   */
  readonly tokens: readonly string[];
  /** Its latest hello. */
  readonly epoch: number;
  readonly n: number;
  readonly isConfirmed: boolean;
  /** Whether the server may have sent messages under this `sid`. */
  readonly isBegun: boolean;
  /** The name of the codec of the session. */
  readonly codec: string;
  /** The `id` of the principal; absent for an anonymous client. */
  readonly principal?: string;
}

/** A client that an inbox knows. */
export interface KnownClient {
  readonly record: ClientRecord;
  /** The `id` of its principal. */
  readonly owner: string | undefined;
}

/** Returns the record of a client as an inbox stores it. @param owner The `id` of its principal. */
export function storedClientOf(record: ClientRecord, owner: string | undefined): StoredClient {
  const { sid, epoch, n, codec, token, former, isConfirmed, hasBegun } = record;
  const tokens = former === undefined ? [token] : [token, former];
  return { sid, tokens, epoch, n, isConfirmed, isBegun: hasBegun, codec, ...(owner !== undefined && { principal: owner }) };
}

/**
 * Returns a client with its latest hello: a session that ended before its handshake has stored only
 * the claim. Returns undefined if the row has no record, or a malformed one, as it may be of
 * another version.
 */
export function knownClientIn(row: InboxRecord | undefined): KnownClient | undefined {
  const known = parseClient(row?.session);
  const claim = row?.claim;
  if (!known || !claim || !isEarlier(known.record, claim)) return known;
  return { ...known, record: { ...known.record, epoch: claim.epoch, n: claim.n } };
}

/** The length of a digest. */
const DIGEST = 43;

function parseClient(value: unknown): KnownClient | undefined {
  const { sid, tokens, epoch, n, isBegun, codec, principal } = Object(value) as { readonly [K in keyof StoredClient]?: unknown };
  if (typeof sid !== 'string' || !Array.isArray(tokens) || typeof epoch !== 'number' || typeof n !== 'number') return undefined;
  const [token = '', former] = tokens.filter((one) => typeof one === 'string' && one.length === DIGEST) as string[];
  const record: ClientRecord = {
    epoch,
    n,
    sid,
    token,
    former,
    codec: typeof codec === 'string' ? codec : '',
    // A server stores only clients that have confirmed a welcome.
    isConfirmed: true,
    hasBegun: isBegun !== false,
  };
  return { record, owner: typeof principal === 'string' ? principal : undefined };
}
