import type { IncomingMessage } from 'node:http';
import type { Observable, Observer } from 'rxjs';
import type { CloseCode } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Hello } from '../session/protocol/handshake.js';
import type { Principal } from './principal.js';
import type { ServedLink } from './serveOptions.js';

/** One connection of a client, whose first frame has come. */
export interface Attachment {
  readonly first: Frame;
  /**
   * What it says, by the session protocol. It is read once.
   *
   * @throws {ProtocolError} When it is no hello.
   */
  hello(): Hello;
  /** From now on this reads it: first of all `first`. Once. */
  open(reader: Observer<Frame>): void;
  /** Nobody reads it any more. */
  leave(): void;
  send(frame: Frame): void;
  /** Says goodbye. */
  finish(): void;
  /** Ends it with the close code of an error. */
  fail(error: unknown): void;
  close(code: CloseCode, reason: string): void;
  /** Emits when its client has left. For one subscription at a time. */
  left(): Observable<unknown>;
  /** What it began with, where that is known. */
  readonly request?: IncomingMessage | undefined;
  /** What carries it. */
  readonly protocol: string;
  /** To be called once it is known who has opened it, with what finds out who makes another request of the same connection. */
  readonly onIdentified?: ServedLink['onIdentified'];
  /** Who has opened it, once that is known. */
  readonly principal?: Principal | undefined;
  /** Takes a fresh token of the same principal; an error, when it is none. */
  readonly renew?: (token: string) => Observable<unknown>;
}
