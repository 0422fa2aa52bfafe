import { SUPERSEDED, FORBIDDEN, UNSUPPORTED_DATA } from '../message/closeCode.js';
import type { Delivery } from '../message/types.js';
import { isShortName, ownLimits, readLimits, readRx, readSecret, readTop, type Agreement } from './clientHandshake.js';
import { invalid, readControl, wholeNumber } from './frameFormat.js';
import type { FrameLimits, SessionCodec, CoreOptions } from './coreTypes.js';
import type { ClientRecord } from './storedTypes.js';

/** The maximum length of a hello, of a token, and of the name of a codec, in characters. */
const MAX_HELLO = 65_536;
const MAX_TOKEN = 8_192;
const MAX_CODEC_NAME = 128;
const MAX_CODECS = 16;
/** The version of docs/protocol.md that the server speaks. */
const VERSION = 1;
const DELIVERIES: readonly unknown[] = ['at-most-once', 'at-least-once', 'exactly-once'];

/** A hello as it has arrived (section 4). */
export interface ReceivedHello {
  readonly pid: string;
  readonly epoch: number;
  readonly n: number;
  readonly sid: string | undefined;
  /** Its `rt`, and then its `former`. */
  readonly tokens: readonly string[];
  readonly rx: number | undefined;
  readonly top: number;
  readonly isFresh: boolean;
  readonly window: number;
  readonly bytes: number;
  readonly codecs: readonly string[];
  readonly id: string;
  readonly delivery: Delivery;
  readonly token: string | undefined;
  readonly limits: FrameLimits;
}

/** Parses the first frame of a connection. @throws {Violation} If it is no hello. */
export function readHello(frame: unknown): ReceivedHello {
  if (typeof frame !== 'string' || frame.length > MAX_HELLO || !frame.startsWith('["hello",')) return invalid('a hello was expected');
  const { v, pid, epoch, n, sid, rt, former, rx, top, fresh, window, bytes, codecs, id, token, delivery, limits } = Object(
    readControl(frame)[1],
  ) as Readonly<Record<string, unknown>>;
  if (v !== VERSION) {
    const other = typeof v === 'number' ? v : `"${typeof v}"`;
    invalid(`the server speaks version ${VERSION} of the protocol, the client version ${other}`);
  }
  if (!isShortName(id) || !DELIVERIES.includes(delivery) || (sid == null) !== (rt == null)) return invalid('the hello is invalid');
  return {
    pid: readSecret(pid),
    epoch: wholeNumber(epoch, 1),
    n: wholeNumber(n, 1),
    sid: sid == null ? undefined : readSecret(sid),
    tokens: rt == null ? readFormer(former) : [readSecret(rt), ...readFormer(former)],
    rx: rx == null ? undefined : readRx(rx),
    top: rx == null ? 0 : readTop(top, rx as number),
    isFresh: fresh === true,
    window: wholeNumber(window, 1),
    bytes: wholeNumber(bytes, 1),
    codecs: readCodecNames(codecs),
    id,
    delivery: delivery as Delivery,
    token: token == null ? undefined : readToken(token),
    limits: readLimits(limits),
  };
}

/** Returns the token of an `auth` frame or of a hello. */
export function readToken(value: unknown): string {
  return typeof value === 'string' && value.length <= MAX_TOKEN ? value : invalid('the token is invalid');
}
function readFormer(former: unknown): readonly string[] {
  if (former == null) return [];
  if (!Array.isArray(former) || former.length === 0 || former.length > 4) return invalid('the hello is invalid');
  return former.map(readSecret);
}
function readCodecNames(names: unknown): readonly string[] {
  const isList = Array.isArray(names) && names.length > 0 && names.length <= MAX_CODECS;
  const areNames = isList && names.every((name) => typeof name === 'string' && name.length <= MAX_CODEC_NAME);
  return areNames ? (names as string[]) : invalid('the hello is invalid');
}
/**
 * Returns the code with which a hello is refused; undefined if it is welcome.
 *
 * @param digest That of the options.
 */
export function refusalOf(
  record: ClientRecord | undefined,
  { epoch, n, tokens }: ReceivedHello,
  digest: CoreOptions['digest'] = asIs,
): typeof SUPERSEDED | typeof FORBIDDEN | undefined {
  if (!record) return undefined;
  if (epoch < record.epoch || (epoch === record.epoch && n <= record.n)) return SUPERSEDED;
  if (!record.isConfirmed) return undefined;
  const { token, former } = record;
  const shown = (tokens.length > 0 ? tokens : ['']).map(digest);
  return shown.some((text) => isSame(text, token) || (former !== undefined && isSame(text, former))) ? undefined : FORBIDDEN;
}

const asIs = (token: string): string => token;

/** Compares in constant time. */
function isSame(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

/** A hello that was answered with a welcome, which the client has not confirmed yet. */
interface Unconfirmed {
  readonly hello: ReceivedHello;
  readonly record: ClientRecord;
}

/** The answer to a hello. */
interface PreparedWelcome extends Unconfirmed {
  readonly isResumed: boolean;
  readonly token: string;
}

/** The handshakes of a server with one client. */
export class ServerHandshake {
  /** The state of its client that the server remembers. */
  record: ClientRecord | undefined;
  /**
   * Whether the server has all unacked messages that it has sent under the `sid` of the record.
   */
  hasMessages = true;
  readonly options: CoreOptions;
  /** The id of this side. */
  readonly id: string;
  /** The next welcome, whose record is stored. */
  prepared: PreparedWelcome | undefined;
  #unconfirmed: Unconfirmed | undefined;

  /** @param id The id of the session, if it is not that of the options. */
  constructor(options: CoreOptions, id = options.id) {
    this.options = options;
    this.id = id;
  }

  /** Returns the codec for a client. It stays the same (rule 8 of the server). */
  codecFor({ codecs }: ReceivedHello, agreed: SessionCodec | undefined): SessionCodec | undefined {
    if (agreed) return codecs.includes(agreed.name) ? agreed : undefined;
    for (const name of codecs) {
      const codec = this.options.codecs.find((own) => own.name === name);
      if (codec) return codec;
    }
    return undefined;
  }

  /** Returns the code with which a hello is refused; undefined if it is welcome. */
  refusal(hello: ReceivedHello, agreed: SessionCodec | undefined): number | undefined {
    return this.codecFor(hello, agreed) ? refusalOf(this.record, hello, this.options.digest) : UNSUPPORTED_DATA;
  }

  /**
   * Makes the record of a client for the next welcome before its outbox is read. The welcome has
   * this record, unless the outbox has lost messages.
   *
   * @param record The record so far.
   */
  prepare(record: ClientRecord, hello: ReceivedHello, codec: SessionCodec): ClientRecord {
    // An inbox may decide again, with what another server has stored meanwhile.
    this.prepared = undefined;
    this.prepared = this.#next(record, hello, codec);
    return this.prepared.record;
  }
  /** Whether the record of the latest welcome is the prepared one. */
  get isPrepared(): boolean {
    return this.record !== undefined && this.record === this.prepared?.record;
  }
  /** Returns what changes with the welcome for a hello (rules 1 to 3 of the server). */
  #next(record: ClientRecord | undefined, hello: ReceivedHello, codec: SessionCodec): PreparedWelcome {
    const { secret, digest = asIs } = this.options;
    const { prepared } = this;
    const { epoch, n, sid, tokens } = hello;
    const isLast = record !== undefined && sid === record.sid;
    const isResumed = isLast && hello.rx !== undefined && (this.hasMessages || !record.hasBegun);
    if (prepared?.hello === hello && prepared.isResumed === isResumed && prepared.record.codec === codec.name) return prepared;
    const token = secret(43);
    const next: ClientRecord = {
      epoch,
      n,
      sid: isResumed ? record.sid : secret(22),
      codec: codec.name,
      token: digest(token),
      former: digest(tokens[0] ?? ''),
      isConfirmed: isLast || record?.isConfirmed === true,
      hasBegun: isResumed && record.hasBegun,
    };
    return { hello, isResumed, token, record: next };
  }

  /**
   * Returns the welcome that answers a hello which is not refused.
   *
   * @param rx The highest number that the server has accepted, and the highest one that it has
   *   accepted or processed.
   * @param expires The time until the credentials expire, in ms; undefined if they do not expire.
   * @param window 0 if the client may not send before the first ack.
   * @default that of the options
   */
  welcome(
    hello: ReceivedHello,
    codec: SessionCodec,
    rx: number,
    top: number,
    expires: number | undefined,
    window = this.options.window,
  ): string {
    const { bytes, maxFrame, pingInterval } = this.options;
    const { record, token, isResumed } = this.#next(this.record, hello, codec);
    this.record = record;
    this.hasMessages = record.hasBegun;
    this.#unconfirmed = { hello, record };
    const fields = {
      n: hello.n,
      sid: record.sid,
      rt: token,
      rx,
      top: top > rx ? top : undefined,
      known: record.isConfirmed,
      resumed: isResumed,
      window,
      bytes,
      ping: pingInterval,
      expires,
      codec: codec.name,
      id: this.id,
      limits: ownLimits(maxFrame, [codec]),
    };
    return JSON.stringify(['welcome', fields]);
  }

  /**
   * The first frame of the client after the welcome confirms it (rule 7 of the server). Returns how
   * the session goes on.
   *
   * @param done The ack that this frame carries; -1 for none.
   * @param sent The highest number that the server has sent.
   */
  confirm(done: number, sent: number, codec: SessionCodec): Agreement {
    if (!this.#unconfirmed) return invalid('a frame arrived before the welcome');
    const { hello, record } = this.#unconfirmed;
    const isKnown = record.hasBegun;
    // A server whose outbox was restored from a backup has forgotten what it has sent since.
    const known = Math.max(sent, hello.rx ?? 0, hello.top);
    if (done > (isKnown ? known : 0)) invalid('an ack covers unsent messages');
    // Both have the hello, with its secrets.
    this.#unconfirmed = this.prepared = undefined;
    this.record = { ...record, former: undefined, isConfirmed: true, hasBegun: true };
    this.hasMessages = true;
    // A receiver may have accepted more between its hello and its first ack (section 7, rule 6).
    const rx = isKnown ? Math.max(hello.rx ?? 0, done) : 0;
    const top = isKnown ? Math.max(rx, hello.top) : 0;
    return { isKnown, codec, ...hello, rx, top, pingInterval: this.options.pingInterval };
  }
}
