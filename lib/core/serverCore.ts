import { FORBIDDEN, TRY_AGAIN_LATER } from '../message/closeCode.js';
import { invalid } from './frameFormat.js';
import { readToken, type ReceivedHello, type ServerHandshake } from './serverHandshake.js';
import { endOf } from './timeSteps.js';
import { SessionCore } from './sessionCore.js';
import type { SessionStores } from './sessionStores.js';
import type { SessionCodec } from './coreTypes.js';
import type { ClientRecord, RestoredState } from './storedTypes.js';

/**
 * The server of a session: its welcomes, and the credentials of its client (protocol, section 4).
 */
export class ServerCore extends SessionCore {
  protected readonly isServer = true;
  readonly #handshake: ServerHandshake;
  /** The welcome that is to be sent. */
  #welcome = '';
  /** Whether a token of the client waits for its answer. */
  #isRenewing = false;

  /** @param handshake It may have begun before the session: see {@link welcomeSent}. */
  constructor(handshake: ServerHandshake, stores?: SessionStores) {
    super(handshake.options, stores);
    this.#handshake = handshake;
  }
  override restore(state: RestoredState): void {
    const { record, outbox } = state;
    if (record) {
      this.codec = this.outgoing.codec = this.options.codecs.find(({ name }) => name === record.codec);
      this.#handshake.record = record;
      this.#handshake.hasMessages = outbox?.ticket?.sid === record.sid;
    }
    super.restore(state);
  }
  /** The state of the client that the server remembers. */
  get record(): ClientRecord | undefined {
    return this.#handshake.record;
  }
  get #isUnstored(): boolean {
    return this.stores?.inbox !== undefined && !this.stores.isStored;
  }

  // ---- The hello and the welcome

  /** Returns the code with which a hello is refused; undefined if it is welcome. */
  refusal(hello: ReceivedHello): number | undefined {
    const refusal = this.#handshake.refusal(hello, this.codec);
    // Another server may have welcomed a client that this one has not stored.
    return refusal === FORBIDDEN && this.#isUnstored ? TRY_AGAIN_LATER : refusal;
  }
  /**
   * Takes the hello of an authenticated client. Returns the {@link refusal} of the hello; undefined
   * if it is welcome: a connection in use is then replaced by the new one.
   *
   * @param expires The time until the credentials expire, in ms; undefined if they do not expire.
   */
  accept(hello: ReceivedHello, now: number, expires?: number): number | undefined {
    const handshake = this.#handshake;
    const refusal = this.refusal(hello);
    if (refusal !== undefined) return refusal;
    const codec = handshake.codecFor(hello, this.codec) as SessionCodec;
    this.closed();
    const { rx, top } = this.incoming;
    this.#welcome = handshake.welcome(hello, codec, rx, top, expires, this.#isUnstored ? 0 : this.options.window);
    // Any client can send any number of hellos: nothing of it is stored before it has confirmed.
    if (handshake.record && this.stores?.isStored && !handshake.isPrepared) this.stores.remember(handshake.record);
    this.#accepted(hello, codec, now, expires);
    return undefined;
  }
  /**
   * The handshake has sent its first welcome before there was this session. So a client that does
   * not confirm it costs no session.
   */
  welcomeSent(hello: ReceivedHello, codec: SessionCodec, now: number, expires?: number): void {
    this.#accepted(hello, codec, now, expires);
    this.phase = 'handshake';
  }
  #accepted(hello: ReceivedHello, codec: SessionCodec, now: number, expires: number | undefined): void {
    this.useCodec(codec);
    this.outgoing.codec ??= codec;
    this.outgoing.delivery = hello.delivery;
    this.#expire(expires, now);
    this.opened(now);
  }
  protected firstFrame(): string {
    return this.#welcome;
  }
  protected welcomed(): boolean {
    return false;
  }
  protected confirmed(done: number, now: number): void {
    if (this.phase !== 'handshake') invalid('a frame arrived before the welcome');
    const handshake = this.#handshake;
    this.agree(handshake.confirm(done, this.outgoing.sent, this.codec as SessionCodec), now);
    if (this.options.checksPeer === false) this.keepalive.stop();
    const { record } = handshake;
    if (!record || !this.stores) return;
    this.stores.remember(record);
    this.stores.keepTicket({ sid: record.sid, rt: '', former: [] });
  }

  // ---- The credentials of the client

  protected authenticated(value: unknown): void {
    const token = readToken(value);
    if (this.#isRenewing) invalid('the client sent a token before the answer to the last one');
    this.#isRenewing = true;
    this.outputs.add({ kind: 'auth', token });
  }
  /** Accepts a token for so many ms; undefined if it does not expire. */
  renewed(expires: number | undefined, now: number): void {
    this.#expire(expires, now);
    this.authFrame = `["auth",${expires ?? 0}]`;
  }
  #expire(after: number | undefined, now: number): void {
    this.expiresAt = endOf(after ?? Infinity, now);
    this.#isRenewing = false;
  }

  // ---- The end of the server

  /** Says that the server stops: the client may return after so many ms (section 9, rule 4). */
  leave(retryAfter: number): void {
    this.byeAfter = retryAfter;
  }
  protected byed(after: number): void {
    if (this.phase !== 'leaving' || after > 0) invalid('the client sent a bye without a bye of the server');
  }
}
