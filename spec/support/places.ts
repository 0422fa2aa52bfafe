import { firstValueFrom, isObservable } from 'rxjs';
import type { BatchContext, Codec, PlainCodec } from '../../lib/codec/codec.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';

/** A batch of a session, as good as any other. */
export const place: BatchContext = { direction: 'to-server', pid: '9dG3kXbTqf0aLw8RzVn4Ye', first: 7, count: 2 };

/** A codec that is told of one and the same batch each time, as if a session did it. */
export function placed(codec: Codec, context: BatchContext = place): PlainCodec {
  return {
    ...codec,
    encode: (batch) => now(codec.encode(batch, context)),
    decode: (frame) => now(codec.decode(frame, context)),
  };
}

function now<T>(later: MaybeAsync<T>): T {
  if (isObservable(later)) throw new Error('a codec that takes its time');
  return later;
}

/** What there is, or what comes. A throw is a rejection. */
export async function soon<T>(later: () => MaybeAsync<T>): Promise<T> {
  const value = later();
  return isObservable(value) ? firstValueFrom(value) : value;
}
