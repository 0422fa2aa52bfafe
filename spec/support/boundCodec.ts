import { json } from '../../lib/codec/json.js';
import type { BatchContext, Codec } from '../../lib/codec/codec.js';
import { DecodeError } from '../../lib/message/errors.js';

/** JSON that is good for one batch only, as what is sealed is: who decodes it must say the same of it as who encoded it. */
export function boundCodec(): Codec {
  const plain = json();
  return {
    name: 'bound',
    binary: false,
    encode: (batch, context) => `${labelOf(context)}${plain.encode(batch) as string}`,
    decode(frame, context) {
      const label = labelOf(context);
      if (typeof frame === 'string' && frame.startsWith(label)) return plain.decode(frame.slice(label.length));
      throw new DecodeError('bound', `not ${label} but ${String(frame).slice(0, 80)}`);
    },
  };
}

function labelOf(context: BatchContext | undefined): string {
  if (!context) throw new DecodeError('bound', 'a batch of nobody');
  const { direction, pid, first, count } = context;
  return `${direction} ${pid} ${first}+${count} `;
}
