import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { assertDepth, assertPositive, checkOptions } from '../../message/development.js';
import { assertUnicode, mayHaveReplaced } from '../unicode.js';
import { type PlainCodec, withLimits } from '../codec.js';
import type { JsonOptions } from '../json.js';
import { DecodeError, EncodeError, RxwireError } from '../../message/errors.js';
import { MAX_DEPTH } from '../../message/messageLimits.js';
import { parseMessage } from '../../message/parseMessage.js';
import { decodePayload, encodePayload } from './payloadCodec.js';
import { readBatch, writeMessage } from './messageFormat.js';

export interface ProtobufOptions extends JsonOptions {
  /** The schemas of payloads by message type, as `protoc-gen-es` generates them. @default none */
  readonly types?: Readonly<Record<string, DescMessage>>;
  /**
   * The maximum number of messages, map entries, and texts and bytes in lists, in a payload with a
   * schema, both ways.
   * @default 100_000
   */
  readonly maxNodes?: number;
}

/**
 * The codec of Protocol Buffers, by `@bufbuild/protobuf`: frames that other languages read with
 * code that is generated from `rxwire.proto`, and payloads with application schemas.
 *
 * A payload whose type has a schema arrives as a message of that schema. Pass a message, or an
 * object that `create` accepts. Any other payload is encoded as JSON, with the rules of `json()`. A
 * Uint8Array is passed unchanged, so that a side without a schema can forward the payload.
 *
 * @throws {RangeError} At call time, if a number is not positive, or `maxDepth` below 32.
 * @example
 * import { TimestampSchema } from '@bufbuild/protobuf/wkt';
 * import { createMessage } from 'rxwire';
 * import { protobuf } from 'rxwire/protobuf';
 *
 * const codec = protobuf({ types: { 'clock.tick': TimestampSchema } });
 * const [message] = codec.decode(codec.encode([createMessage('clock.tick', { seconds: 42n })]));
 * console.log(message?.payload); // prints: { '$typeName': 'google.protobuf.Timestamp', seconds: 42n, nanos: 0 }
 */
export function protobuf(options: ProtobufOptions = {}): PlainCodec {
  checkOptions('protobuf', options);
  const { types = {}, maxBatch = 1_024, maxNodes = 100_000, maxDepth = MAX_DEPTH } = options;
  assertPositive('protobuf', { maxBatch, maxNodes });
  assertDepth('protobuf', maxDepth);
  const limits = { maxBatch, maxDepth, maxNodes };
  const rules = { types: new Map(Object.entries(types)), ...limits };

  return withLimits(limits, (sending): PlainCodec => {
    const encoding = { ...rules, ...sending };
    return {
      name: 'protobuf',
      binary: true,
      carriesJson: true,
      encode(batch) {
        if (batch.length > sending.maxBatch)
          throw new EncodeError('protobuf', `expected at most ${sending.maxBatch} messages, got ${batch.length}`);
        const writer = new BinaryWriter();
        const messages = batch.map((given, index) => {
          const message = parseMessage(given, index);
          const payload = attempt(EncodeError, `cannot carry [${index}].payload`, () =>
            encodePayload(message.type, message.payload, encoding),
          );
          writer.tag(1, WireType.LengthDelimited).fork();
          attempt(EncodeError, `cannot carry [${index}]: `, () => writeMessage(writer, message, payload));
          writer.join();
          // The payload was checked: as JSON, it may contain what UTF-8 cannot encode.
          return { ...message, payload: null };
        });
        const frame = writer.finish();
        if (mayHaveReplaced(frame)) assertUnicode(messages, 'protobuf');
        return frame;
      },
      decode(frame) {
        if (typeof frame === 'string') throw new DecodeError('protobuf', 'expected bytes, got text');
        return attempt(DecodeError, '', () => readBatch(frame, maxBatch)).map(({ fields, payload }, index) => {
          const message = parseMessage(fields, index);
          const read = (): unknown => decodePayload(message.type, payload, rules);
          return { ...message, payload: attempt(DecodeError, `cannot read [${index}].payload`, read) };
        });
      },
    };
  });
}

function attempt<T>(Failure: typeof DecodeError | typeof EncodeError, what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof RxwireError) throw cause;
    throw new Failure('protobuf', what + (cause instanceof Error ? cause.message : ''), cause);
  }
}
