import { Observable } from 'rxjs';
import type { Codec } from '../../lib/index.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Life } from './life.js';

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
      clock.after(chance.skewed(0, slowest), () => {
        if (!life.isAlive()) return;
        try {
          subscriber.next(work());
          subscriber.complete();
        } catch (error) {
          subscriber.error(error);
        }
      });
    });
  return {
    ...codec,
    encode: (batch, context) => later(() => codec.encode(batch, context)) as ReturnType<Codec['encode']>,
    decode: (frame, context) => later(() => codec.decode(frame, context)) as ReturnType<Codec['decode']>,
  };
}
