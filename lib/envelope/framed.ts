import { concatMap, defer, filter, identity, map, merge, mergeMap, noop, Subject, tap } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { ConnectionLostError, type RxwireError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { asInput, attempt, type MaybeAsync } from '../internal/maybeAsync.js';
import { BAD_FRAMES } from '../link/closeCode.js';
import type { Frame, Layer } from '../link/link.js';
import type { Message } from '../message/types.js';
import { checkSize, createEncoder, decodeBody, type OnUnsendable } from '../session/encoding.js';
import { DEFAULTS } from '../session/endpointOptions.js';
import { readInOrder } from './readInOrder.js';

export interface FramedOptions {
  /** Bytes a frame may have, in either direction; larger ones are refused unread. @default 1 MiB */
  readonly maxFrame?: number;
  /** Frames in a row that cannot be decoded before the link is given up with close code 4400. @default 3 */
  readonly maxBadFrames?: number;
  /** Gets what could not be decoded; the frame is dropped. */
  readonly onBadFrame?: (error: RxwireError) => void;
  /** Gets what could not be encoded, alone or in any frame that is small enough; the message is dropped. */
  readonly onUnsendable?: OnUnsendable;
}

/**
 * Batches of messages over a link for frames: encodes, decodes, and keeps to the limits. A bad frame is reported and
 * dropped; several in a row end the link.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * const batches = framed(json(), { maxFrame: 65_536 })(webSocket('ws://127.0.0.1:4870/wire'));
 */
export function framed(codec: Codec, options: FramedOptions = {}): Layer<readonly Message[], Frame> {
  const { maxFrame = DEFAULTS.maxFrame, maxBadFrames = DEFAULTS.maxBadFrames, onBadFrame, onUnsendable = noop } = options;
  assertPositive('framed', { maxFrame, maxBadFrames });

  const encode = createEncoder({ current: codec }, { maxSize: maxFrame, onUnsendable });
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
            if (++bad >= maxBadFrames) refuse(new ConnectionLostError(BAD_FRAMES, `${bad} bad frames`));
            return undefined;
          },
        );
      const frames$ = outgoing.pipe(
        concatMap((batch) => asInput(encode(batch, 0))),
        mergeMap(identity),
        map(({ body }) => body),
        tap({ complete: () => refused$.complete() }),
      );
      return link(merge(refused$, frames$)).pipe(
        map((frame) => [frame, undefined] as const),
        readInOrder(read, MAX_UNREAD * maxFrame, refuse),
        filter((batch) => batch !== undefined),
      );
    });
}

/** Frames of full size that may wait for a codec that takes its time. */
const MAX_UNREAD = 8;
