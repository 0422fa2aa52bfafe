import { checksAll } from '../codec/checkBatch.js';
import { findUnsupported } from '../codec/assertEncodable.js';
import type { Codec } from '../codec/codec.js';
import { envelopeLevels } from '../codec/envelopeLevels.js';
import { DecodeError } from '../message/errors.js';
import { chain } from '../message/maybeAsync.js';
import { MAX_DEPTH } from '../message/messageLimits.js';
import { parseMessage } from '../message/parseMessage.js';
import type { Message } from '../message/types.js';
import { changedCodec } from './changedCodec.js';

/**
 * Returns a codec that checks all messages of a client, in a bundle for production, too: there, a
 * codec trusts what it receives. A page trusts its server, but a server trusts no client.
 *
 * @param isChecked Whether the codec checks all itself.
 */
export function checkingAll(codec: Codec, isChecked = checksAll): Codec {
  if (isChecked) return codec;
  const { name, limits: { maxDepth = MAX_DEPTH } = {} } = codec;
  const check = (given: Message, index: number): Message => {
    const message = parseMessage(given, index);
    const fault = findUnsupported(message.payload, { maxDepth, supports: () => true }, -envelopeLevels(message.type));
    if (fault) throw new DecodeError(name, `cannot carry [${index}].payload${fault}`);
    return message;
  };
  const decode: Codec['decode'] = (frame, context) => chain(codec.decode(frame, context), (messages) => messages.map(check));
  return changedCodec(codec, { decode });
}
