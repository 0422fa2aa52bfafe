import { invalid } from './frameFormat.js';

/** The maximum length of a token, in characters. */
const MAX_TOKEN = 8_192;

/** Returns the token of an `auth` frame or of a hello. */
export function readToken(value: unknown): string {
  return typeof value === 'string' && value.length <= MAX_TOKEN ? value : invalid('the token is invalid');
}

/**
 * The credentials of a client: their renewal, and at a server when they expire (protocol,
 * "Credentials").
 */
export class CredentialExpiry {
  at = Infinity;
  /** Whether a token of the client waits for its answer. */
  #isRenewing = false;
  /** The token of a client, or the answer of a server, that is to be sent. */
  frame: string | undefined;

  /** A client shows a fresh token. */
  show(token: string): void {
    this.frame = JSON.stringify(['auth', token]);
  }
  /** @param after The time until the credentials expire, in ms; undefined if they do not expire. */
  begin(after: number | undefined, now: number): void {
    this.at = now + (after ?? Infinity);
    this.#isRenewing = false;
    this.frame = undefined;
  }
  end(): void {
    this.at = Infinity;
    this.frame = undefined;
  }
  /** Returns the token of a client. */
  read(value: unknown): string {
    const token = readToken(value);
    if (this.#isRenewing) invalid('the client sent a token before the answer to the last one');
    this.#isRenewing = true;
    return token;
  }
  /** The token is valid. */
  renew(after: number | undefined, now: number): void {
    this.begin(after, now);
    this.frame = `["auth",${after ?? 0}]`;
  }
  takeFrame(): string | undefined {
    const { frame } = this;
    this.frame = undefined;
    return frame;
  }
}
