import { isObservable, map, type Observable, type Subscription } from 'rxjs';
import type { Direction } from '../../codec/codec.js';
import { ConnectionLostError, DecodeError, ProtocolError } from '../../errors.js';
import { textOf } from '../../errors/rxwireError.js';
import { attempt, type MaybeAsync } from '../../internal/maybeAsync.js';
import { createRing, type Ring } from '../../internal/ring.js';
import { BAD_FRAMES, GAP } from '../../link/closeCode.js';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { NegotiatedCodec } from '../codecNegotiation.js';
import type { Connection } from '../connection.js';
import { checkSize, decodeBody } from '../encoding.js';
import { readFrame, type BatchFrame, type SessionFrame } from '../protocol/frames.js';
import type { Report } from '../sessionEvents.js';

/**
 * Handles the frames that a reader has read. Each method throws when the connection cannot
 * continue.
 */
export interface FrameHandler {
  /** Handles a frame that is not a batch. */
  onFrame(frame: Exclude<SessionFrame, BatchFrame>, connection: Connection): void;
  /** Called with each batch when it arrives. Returns whether the reader must decode the batch. */
  onBatch(batch: BatchFrame, connection: Connection): boolean;
  /**
   * Accepts a numbered batch that cannot be decoded, after `attempts` attempts. {@link onMessages}
   * follows, without messages.
   */
  onUndecodable(batch: BatchFrame, error: unknown, attempts: number): void;
  /** Handles the messages of a batch; `undefined` when the batch was not decoded. */
  onMessages(batch: BatchFrame, messages: readonly Message[] | undefined, connection: Connection): void;
}

export interface FrameReaderOptions {
  readonly handler: FrameHandler;
  readonly codec: NegotiatedCodec;
  /** The direction of the received frames. */
  readonly direction: Direction;
  /** Returns the `pid` of the client's outbox. */
  readonly pid: () => string;
  readonly maxFrame: number;
  /**
   * How often an undecodable batch is received before it is set aside; and the number of
   * undecodable frames without numbers in a row that ends the connection.
   */
  readonly maxBadFrames: number;
  /** The maximum size of the frames that wait while another one is being decoded, in bytes. */
  readonly maxWaiting: number;
  readonly report: Report;
  /** Ends with the session. */
  readonly life: Subscription;
}

/** The memory that a waiting frame takes besides its bytes. */
const OVERHEAD = 1_024;

/**
 * Reads frames, one after the other: at once, unless an earlier frame is still being decoded. A
 * frame that violates the protocol ends its connection.
 */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  /** The number of undecodable frames in a row that could not be set aside. */
  #badFrames = 0;
  /**
   * The numbered batch that could not be decoded, and how often it was received. Later batches wait
   * for it.
   */
  #undecodable: { readonly first: number; readonly attempts: number } | undefined;
  /** The decoding of a frame, if it is asynchronous. */
  #decoding: Subscription | undefined;
  /** The frames that arrive during the decoding. */
  #waiting: Ring<Frame> | undefined;
  #waitingBytes = 0;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
  }

  /** Returns the number of frames that arrived and are not read yet. */
  unread(): number {
    return this.#decoding ? 1 + (this.#waiting?.size ?? 0) : 0;
  }

  /** Whether the last frame could be read. The counts of bad frames belong to this object. */
  isGood(): boolean {
    return this.#badFrames === 0 && !this.#undecodable;
  }

  read(frame: Frame, connection: Connection): void {
    if (!this.#decoding) {
      this.#readNow(frame, connection);
      return;
    }
    (this.#waiting ??= createRing()).push(frame);
    this.#waitingBytes += frame.length + OVERHEAD;
    if (this.#waitingBytes > this.#options.maxWaiting) connection.fail(new ConnectionLostError(GAP, 'too many frames wait'));
  }

  /**
   * Drops the unread frames when their connection has ended: the other side repeats them over the
   * next connection.
   */
  reset(): void {
    this.#decoding?.unsubscribe();
    this.#decoding = this.#waiting = undefined;
    this.#waitingBytes = 0;
  }

  /** Ends a connection after an error, which becomes the close reason. */
  refuse(error: unknown, connection: Connection): void {
    const isLoss = error instanceof ConnectionLostError;
    if (!isLoss) this.#options.report({ kind: 'error', error });
    connection.fail(isLoss ? error : new ConnectionLostError(BAD_FRAMES, reasonOf(error)));
  }

  #readNow(frame: Frame, connection: Connection): void {
    if (connection.isOver) return;
    const { handler, maxFrame } = this.#options;
    try {
      checkSize(frame, maxFrame);
      const read = readFrame(frame);
      if (read.kind !== 'msg') handler.onFrame(read, connection);
      else if (!handler.onBatch(read, connection)) handler.onMessages(read, undefined, connection);
      else {
        const messages = this.#decode(read, connection);
        if (isObservable(messages)) this.#readLater(messages, read, connection);
        else handler.onMessages(read, messages, connection);
      }
    } catch (error) {
      this.refuse(error, connection);
    }
  }

  /** Waits until a batch is decoded, then reads the frames that arrived meanwhile. */
  #readLater(messages$: Observable<readonly Message[]>, batch: BatchFrame, connection: Connection): void {
    let isDone = false;
    const goOn = (): void => {
      isDone = true;
      this.#decoding = undefined;
      while (this.unread() === 0 && !connection.isOver) {
        const next = this.#waiting?.shift();
        if (next === undefined) return;
        this.#waitingBytes -= next.length + OVERHEAD;
        this.#readNow(next, connection);
      }
    };
    const taken$ = messages$.pipe(
      map((messages) => {
        if (!connection.isOver) this.#options.handler.onMessages(batch, messages, connection);
      }),
    );
    const decoding = taken$.subscribe({
      error: (error: unknown) => {
        this.refuse(error, connection);
        goOn();
      },
      complete: goOn,
    });
    this.#options.life.add(decoding);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- an Observable may complete while it is subscribed
    if (!isDone) this.#decoding = decoding;
  }

  /**
   * Decodes a batch. Returns no messages for an undecodable batch that is dropped or set aside.
   *
   * @throws {ConnectionLostError} When the connection cannot continue; also delivered.
   */
  #decode(batch: BatchFrame, connection: Connection): MaybeAsync<readonly Message[]> {
    const { codec, direction, pid } = this.#options;
    const { first, count, body } = batch;
    try {
      const messages = decodeBody(codec.current, body, { direction, pid: pid(), first, count });
      if (!isObservable(messages)) return this.#check(messages, batch);
      return attempt(
        () => messages,
        (decoded) => this.#check(decoded, batch),
        (error) => this.#failed(error, batch, connection),
      );
    } catch (error) {
      return this.#failed(error, batch, connection);
    }
  }

  #check(messages: readonly Message[], { first, count }: BatchFrame): readonly Message[] {
    if (messages.length !== count)
      throw new DecodeError(this.#options.codec.current.name, `expected ${count} messages, got ${messages.length}`);
    this.#badFrames = 0;
    if (first > 0) this.#undecodable = undefined;
    return messages;
  }

  #failed(error: unknown, batch: BatchFrame, { isOver }: Connection): readonly Message[] {
    if (isOver) return [];
    const { handler, report, maxBadFrames, codec } = this.#options;
    report({ kind: 'error', error });
    const { first } = batch;
    const isSealed = codec.current.isSealed === true;
    // A batch that cannot be opened may be forged: it must not be acked. One whose content cannot
    // be decoded comes from the sender.
    const isForged = isSealed && error instanceof DecodeError && error.codec === codec.current.name;
    const hint = isForged ? ': perhaps the keys of the two sides do not match' : '';
    if (first > 0 && !isForged) {
      const attempts = this.#undecodable?.first === first ? this.#undecodable.attempts + 1 : 1;
      this.#undecodable = { first, attempts };
      if (attempts >= maxBadFrames) {
        this.#undecodable = undefined;
        handler.onUndecodable(batch, error, attempts);
        return [];
      }
    } else if (++this.#badFrames >= maxBadFrames)
      throw new ConnectionLostError(BAD_FRAMES, `${this.#badFrames} frames were undecodable${hint}`);
    // A numbered batch must be received again, before any later batch. A sealed batch may be
    // forged, so the connection ends, too.
    if (first > 0 || isSealed) throw new ConnectionLostError(GAP, `message ${first} is undecodable${hint}`);
    return [];
  }
}

/**
 * Returns the reason of a protocol error, or the text of another error: a close frame has room for
 * 123 bytes.
 */
function reasonOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.reason;
  return error instanceof Error ? textOf(error) : '';
}
