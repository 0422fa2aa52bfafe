import { concatMap, defer, filter, identity, map, merge, mergeMap, noop, Subject, tap } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { isUnencrypted } from '../codec/seal/encryptedPayload.js';
import { ConnectionLostError, NotEncryptedError, type RxwireError } from '../errors.js';
import { asInput, attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import { readOptions } from '../internal/readOptions.js';
import { BAD_FRAMES } from '../link/closeCode.js';
import type { Frame, Layer } from '../link/link.js';
import type { Message } from '../message/types.js';
import { checkSize, decodeBody } from '../session/encoding.js';
import { ENDPOINT_OPTIONS } from '../session/endpointOptions.js';
import { createEncoder, type OnUnsendable } from './createEncoder.js';
import { readInOrder } from './readInOrder.js';

export interface FramedOptions {
  /**
   * The maximum size of a frame in bytes, in both directions; larger ones are not decoded.
   * @default
   * 1 MiB
   */
  readonly maxFrame?: number;
  /**
   * The number of undecodable frames in a row that ends the link with close code 4400.
   * @default 3
   */
  readonly maxBadFrames?: number;
  /** Called with the error of each undecodable frame, which is dropped. */
  readonly onBadFrame?: (error: RxwireError) => void;
  /**
   * Called with each message that cannot be encoded, or exceeds `maxFrame` alone; the message is
   * dropped.
   */
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
      return link(merge(refused$, frames$)).pipe(
        map((frame) => [frame, undefined] as const),
        readInOrder(read, MAX_UNREAD * maxFrame, refuse),
        filter((batch) => batch !== undefined),
      );
    });
}

/** The maximum number of frames of full size that wait for an asynchronous codec. */
const MAX_UNREAD = 8;
