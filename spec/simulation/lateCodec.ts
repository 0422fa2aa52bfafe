import { Observable } from 'rxjs';
import { asynchronous, DecodeError, type Codec, type Message } from '../../lib/index.js';
import type { Direction } from '../../lib/codec/codec.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Journal } from './journal.js';
import type { Life } from './life.js';

/** A codec that cannot decode numbered batches of the other side in which there is poison. */
export function poisonedCodec(codec: Codec, direction: Direction, { of }: Journal): Codec {
  return {
    ...codec,
    decode(frame, context) {
      const messages = codec.decode(frame, context) as readonly Message[];
      const isPoison = context?.direction === direction && context.first > 0 && messages.some(({ id }) => of(id).isPoison);
      if (isPoison) throw new DecodeError('simulated', 'poison');
      return messages;
    },
  };
}

/** A codec that takes its time, as ciphers and compressors of browsers do, for as long as its process lives. */
export function lateCodec(
  codec: Codec,
  slowest: number,
  life: Life,
  { clock, chance }: { readonly clock: Clock; readonly chance: Chance },
): Codec {
  if (slowest === 0) return codec;
  const later = <T>(work: () => T): Observable<T> =>
    new Observable((subscriber) => {
      const answer = (): void => {
        if (!life.isAlive()) return;
        try {
          subscriber.next(work());
          subscriber.complete();
        } catch (error) {
          subscriber.error(error);
        }
      };
      clock.after(chance.skewed(0, slowest), () => life.whenRunning(answer));
    });
  return {
    ...codec,
    asynchronous,
    encode: (batch, context) => later(() => codec.encode(batch, context)) as ReturnType<Codec['encode']>,
    decode: (frame, context) => later(() => codec.decode(frame, context)) as ReturnType<Codec['decode']>,
  };
}
