import {
  concatMap,
  defer,
  identity,
  map,
  merge,
  mergeMap,
  noop,
  Subject,
  tap,
  isObservable,
  Observable,
  type OperatorFunction,
} from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { Codec } from '../../codec/codec.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { ConnectionLostError, NotEncryptedError, type RxwireError } from '../../message/errors.js';
import { asInput, attempt, type MaybeAsync, chain, whenReady } from '../../message/maybeAsync.js';
import { readOptions } from '../../message/options/readOptions.js';
import { BAD_FRAMES, GAP } from '../../message/closeCode.js';
import type { Frame, Layer } from '../../io/link.js';
import type { Message } from '../../message/types.js';
import { checkSize, decodeBody, asEncodeError } from '../session/encoding.js';
import { ENDPOINT_OPTIONS } from '../session/sessionOptions.js';
import { createRing } from '../../operators/buffers/ring.js';

export interface FramedOptions {
  /** The maximum size of a frame, in bytes; larger ones are not decoded. @default 1 MiB */
  readonly maxFrame?: number;
  /** The undecodable frames in a row that end the link with 4400. @default 3 */
  readonly maxBadFrames?: number;
  /** Called with the error of each undecodable frame, which is dropped. */
  readonly onBadFrame?: (error: RxwireError) => void;
  /** Called with each message that is dropped: it is too large alone, or cannot be encoded. */
  readonly onUnsendable?: OnUnsendable;
}

/**
 * Turns a link for frames into a link for batches of messages: encodes, decodes, and enforces the
 * limits. An undecodable frame is reported and dropped; several in a row end the link.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { framed, json, webSocket } from 'rxwire';
 *
 * const batches = framed(json(), { maxFrame: 65_536 })(webSocket('ws://127.0.0.1:4870/wire'));
 */
export function framed(codec: Codec, options: FramedOptions = {}): Layer<readonly Message[], Frame> {
  checkOptions('framed', options);
  return frameLayer(codec, options);
}

/** Returns the layer of {@link framed}, with options that may contain others. */
export function frameLayer(codec: Codec, options: FramedOptions): Layer<readonly Message[], Frame> {
  const { onBadFrame, onUnsendable = noop } = options;
  const table = { maxFrame: ENDPOINT_OPTIONS.maxFrame, maxBadFrames: ENDPOINT_OPTIONS.maxBadFrames };
  const { maxFrame, maxBadFrames } = readOptions('framed', options, table);

  const encode = createEncoder(codec, maxFrame, onUnsendable);
  const isSendable = (message: Message): boolean => {
    if (!isUnencrypted(message)) return true;
    onUnsendable(message, new NotEncryptedError(message));
    return false;
  };
  const decode = (frame: Frame): MaybeAsync<readonly Message[]> => {
    checkSize(frame, maxFrame);
    return decodeBody(codec, frame);
  };

  return (link) => (outgoing) =>
    defer(() => {
      const refused$ = new Subject<never>();
      let bad = 0;

      const refuse = (error: ConnectionLostError): void => refused$.error(error);
      const read = (frame: Frame): MaybeAsync<readonly Message[] | undefined> =>
        attempt(
          () => decode(frame),
          (batch) => {
            bad = 0;
            return batch;
          },
          (error) => {
            onBadFrame?.(error as RxwireError);
            if (++bad >= maxBadFrames) refuse(new ConnectionLostError(BAD_FRAMES, `${bad} frames were undecodable`));
            return undefined;
          },
        );
      const frames$ = outgoing.pipe(
        map((batch) => (batch.some(isUnencrypted) ? batch.filter(isSendable) : batch)),
        concatMap((batch) => asInput(batch.length > 0 ? encode(batch) : [])),
        mergeMap(identity),
        tap({ complete: () => refused$.complete() }),
      );
      return link(merge(refused$, frames$)).pipe(readInOrder(read, MAX_UNREAD * maxFrame, refuse));
    });
}

/** The maximum number of frames of full size that wait for an asynchronous codec. */
const MAX_UNREAD = 8;

type OnUnsendable = (message: Message, error: RxwireError) => void;

/**
 * Returns a function that encodes messages as few frames. It calls `onUnsendable` for the others.
 */
export function createEncoder(codec: Codec, maxFrame: number, onUnsendable: OnUnsendable) {
  const failed = (messages: readonly Message[], error: unknown): MaybeAsync<readonly Frame[]> => {
    const middle = messages.length >> 1;
    // Halves the batch until the faulty message is alone, so that the other messages are sent.
    if (middle > 0)
      return chain(encode(messages.slice(0, middle)), (left) => chain(encode(messages.slice(middle)), (right) => [...left, ...right]));
    const [message] = messages as readonly [Message];
    onUnsendable(message, asEncodeError(error, codec.name, message));
    return [];
  };
  const encode = (messages: readonly Message[]): MaybeAsync<readonly Frame[]> =>
    attempt<Frame, readonly Frame[]>(
      () => codec.encode(messages),
      (frame) => {
        checkSize(frame, maxFrame);
        return [frame];
      },
      (error) => failed(messages, error),
    );
  return encode;
}

/** The memory that a waiting frame takes besides its bytes. */
const OVERHEAD = 1_024;

/**
 * Reads one frame after the other: at once, unless an earlier frame is still being read. Not
 * composed of operators: a `concatMap` for each connection would take 2 KiB.
 *
 * @param read Returns nothing for a frame that is dropped.
 * @param maxBytes When more bytes wait, `onFull` is called to end the connection.
 */
function readInOrder<T extends object>(
  read: (frame: Frame) => MaybeAsync<T | undefined>,
  maxBytes: number,
  onFull: (error: ConnectionLostError) => void,
): OperatorFunction<Frame, T> {
  return (frames$) =>
    // eslint-disable-next-line no-restricted-syntax -- the frames end with their subscriber, which gets their errors
    new Observable((to) => {
      let waiting: ReturnType<typeof createRing<Frame>> | undefined;
      let bytes = 0;
      let isBusy = false;
      let isOver = false;

      const error = (reason: unknown): void => to.error(reason);
      const done = (value: T | undefined): void => {
        if (value) to.next(value);
        isBusy = false;
      };
      const doneLater = (value: T | undefined): void => {
        done(value);
        goOn();
      };
      const begin = (frame: Frame): void => {
        isBusy = true;
        try {
          const answer = read(frame);
          if (isObservable(answer)) to.add(whenReady(answer, doneLater, error));
          else done(answer);
        } catch (reason) {
          error(reason);
        }
      };
      const goOn = (): void => {
        while (!isBusy && !to.closed) {
          const frame = waiting?.shift();
          if (frame === undefined) break;
          bytes -= frame.length + OVERHEAD;
          begin(frame);
        }
        if (isOver && !isBusy) to.complete();
      };
      const next = (frame: Frame): void => {
        if (bytes > maxBytes) onFull(new ConnectionLostError(GAP, 'too many frames wait'));
        if (!isBusy && !waiting?.size) {
          begin(frame);
          goOn();
          return;
        }
        waiting ??= createRing();
        waiting.push(frame);
        bytes += frame.length + OVERHEAD;
      };
      const complete = (): void => {
        isOver = true;
        goOn();
      };
      to.add(frames$.subscribe({ next, error, complete }));
    });
}
