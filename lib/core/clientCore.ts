import { helloFrame, readWelcome, type ClientIdentity } from './clientHandshake.js';
import { invalid, wholeNumber } from './frameFormat.js';
import { SessionCore } from './sessionCore.js';
import type { SessionStores } from './sessionStores.js';
import type { CoreOptions } from './coreTypes.js';
import type { RestoredState } from './storedTypes.js';

/**
 * The client of a session: its hello, and how it takes the welcome (protocol, sections 4 and 7).
 */
export class ClientCore extends SessionCore {
  /** The time before which the client must not return, after a bye. */
  returnAt = 0;
  protected readonly isServer = false;
  readonly #identity: ClientIdentity;

  constructor(options: CoreOptions, identity: ClientIdentity, stores?: SessionStores) {
    super(options, stores);
    this.#identity = identity;
    this.outgoing.codec = options.codecs[0];
  }
  override restore(state: RestoredState): void {
    this.#identity.hasProgress = state.cursor !== undefined;
    super.restore(state);
  }
  /** Shows the server a fresh token. */
  authenticate(token: string): void {
    this.authFrame = JSON.stringify(['auth', token]);
  }

  protected firstFrame(): string {
    return helloFrame(this.#identity, this.options, this.codec, this.incoming.rx, this.incoming.top);
  }
  protected welcomed(value: unknown, now: number): boolean {
    const identity = this.#identity;
    const { ticket } = identity;
    const isUnacked = this.outgoing.isPaused;
    // Window 0 says that the server has not stored the session: nothing may have been sent. A
    // client that starts again, and so has no peer yet, does not know whether an ack came behind
    // its ticket.
    const welcome = readWelcome(value, identity, this.options.codecs, isUnacked || this.peer === '');
    identity.ticket = welcome.ticket;
    if (!welcome.isResumed) {
      // A session that no ack has confirmed had no messages.
      if (ticket && identity.hasProgress && !isUnacked) this.outputs.add({ kind: 'forgotten' });
      this.incoming.begin(welcome.ticket.sid);
    }
    identity.hasProgress = true;
    this.useCodec(welcome.codec);
    this.agree(welcome, now);
    this.stores?.keepTicket(welcome.ticket);
    if (welcome.expires !== undefined) this.outputs.add({ kind: 'expires', after: welcome.expires });
    return true;
  }
  protected confirmed(): void {
    invalid('a frame arrived before the welcome');
  }
  /** The server stops: the client sends nothing new, and answers after all that it has sent. */
  protected byed(after: number, now: number): void {
    this.returnAt = now + after;
    this.phase = 'leaving';
    this.byeAfter = 0;
    this.incoming.isAckDue ||= this.incoming.isAckOwed;
  }
  protected authenticated(value: unknown): void {
    this.outputs.add({ kind: 'expires', after: wholeNumber(value) });
  }
}
