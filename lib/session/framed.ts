import { defer, merge, mergeMap, Subject, tap } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { ConnectionLostError, DecodeError, EncodeError, FrameTooLargeError, RxwireError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { BAD_FRAMES } from '../link/closeCode.js';
import type { Frame, Layer } from '../link/link.js';
import type { Message } from '../message/types.js';

export interface FramedOptions {
  /** Bytes a frame may have, in either direction; larger ones are refused unread. @default 1 MiB */
  readonly maxFrame?: number;
  /** Frames in a row that cannot be decoded before the link is given up with close code 4400. @default 3 */
  readonly maxBadFrames?: number;
  /** Gets what could not be decoded; the frame is dropped. */
  readonly onBadFrame?: (error: RxwireError) => void;
  /** Gets what could not be encoded, alone or in any frame that is small enough; the message is dropped. */
  readonly onUnsendable?: (message: Message, error: RxwireError) => void;
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
  const { maxFrame = 1024 * 1024, maxBadFrames = 3, onBadFrame, onUnsendable } = options;
  assertPositive('framed', { maxFrame, maxBadFrames });

  const checkSize = (frame: Frame): void => {
    const { length } = frame;
    // Text travels as UTF-8, a character of it in up to 3 bytes: only where that matters they are counted.
    const isUnsure = typeof frame === 'string' && length <= maxFrame && length * 3 > maxFrame;
    const size = isUnsure ? new TextEncoder().encode(frame).length : length;
    if (size > maxFrame) throw new FrameTooLargeError(size, maxFrame);
  };
  const encode = (batch: readonly Message[]): Frame[] => {
    try {
      const frame = codec.encode(batch);
      checkSize(frame);
      return [frame];
    } catch (error) {
      const middle = batch.length >> 1;
      // One message must not take the others of its batch with it: halve until it is alone.
      if (middle > 0) return [...encode(batch.slice(0, middle)), ...encode(batch.slice(middle))];
      onUnsendable?.(
        batch[0] as Message,
        asError(error, (cause) => new EncodeError(codec.name, 'cannot encode', cause)),
      );
      return [];
    }
  };
  const decode = (frame: Frame): readonly Message[] => {
    checkSize(frame);
    if (codec.binary === (typeof frame === 'string'))
      throw new DecodeError(codec.name, `a ${typeof frame === 'string' ? 'text' : 'binary'} frame`);
    return codec.decode(frame);
  };

  return (link) => (outgoing) =>
    defer(() => {
      const refused$ = new Subject<never>();
      let bad = 0;

      const read = (frame: Frame): [] | [readonly Message[]] => {
        try {
          const batch = decode(frame);
          bad = 0;
          return [batch];
        } catch (error) {
          onBadFrame?.(asError(error, (cause) => new DecodeError(codec.name, 'cannot decode', cause)));
          if (++bad >= maxBadFrames) refused$.error(new ConnectionLostError(BAD_FRAMES, `${bad} bad frames`));
          return [];
        }
      };
      const frames$ = outgoing.pipe(mergeMap(encode), tap({ complete: () => refused$.complete() }));
      return link(merge(refused$, frames$)).pipe(mergeMap(read));
    });
}

function asError(error: unknown, wrap: (cause: unknown) => RxwireError): RxwireError {
  return error instanceof RxwireError ? error : wrap(error);
}
