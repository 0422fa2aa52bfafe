import type { SessionCodec } from '../../../lib/core/coreTypes.js';
import type { Body } from '../../../lib/core/storedTypes.js';
import type { Message } from '../../../lib/message/types.js';
import { asyncCodec } from '../coreHarness.js';

/** The bytes of a message besides its payload. */
const MESSAGE_SIZE = 110;

/**
 * The encoded batches of a run. A body is the number of its batch, with as many spaces behind it as
 * the text of the messages would take: so sizes are real, and nothing is parsed.
 */
export class SimulatedBodies {
  readonly #batches: { readonly body: string; readonly messages: readonly Message[]; ids: readonly string[] | undefined }[] = [];

  encode(messages: readonly Message[]): string {
    let size = 2;
    for (const { payload } of messages) size += MESSAGE_SIZE + (payload as string).length;
    const body = String(this.#batches.length).padEnd(size);
    this.#batches.push({ body, messages, ids: undefined });
    return body;
  }
  /** @throws If a body is not whole. */
  #of(body: Body) {
    const batch = this.#batches[leadingNumber(body as string)];
    if (batch?.body.length !== body.length) throw new Error('a body has changed on its way');
    return batch;
  }
  /** Returns copies: the two sides share no objects. */
  decode(body: Body): readonly Message[] {
    return this.#of(body).messages.map((message) => ({ ...message }));
  }
  /** The ids of the messages in a frame, if it is a batch without numbers. */
  idsOfUnnumbered(frame: Body): readonly string[] {
    const [, body] = /^\["msg",0,\d+(?:,\d+)?,(\d+ *)\]$/.exec(frame as string) ?? [];
    return body === undefined ? NONE : this.idsIn(body);
  }
  /** The ids of the messages in a body. */
  idsIn(body: Body): readonly string[] {
    if (body.length === 0) return NONE;
    const batch = this.#of(body);
    return (batch.ids ??= batch.messages.map(({ id }) => id));
  }
  /**
   * A codec that cannot encode messages of the type `bad`.
   *
   * @param isPoisoned Whether it cannot decode messages of the type `poison`.
   */
  codec(isAsync: boolean, maxBatch: number, isPoisoned = false): SessionCodec {
    const plain: SessionCodec = {
      name: 'test',
      limits: { maxBatch },
      encode: (messages) => {
        for (const { type } of messages) if (type === 'bad') throw new Error('a message cannot be encoded');
        return this.encode(messages);
      },
      decode: (body) => {
        const messages = this.decode(body);
        if (isPoisoned) for (const { type } of messages) if (type === 'poison') throw new Error('a message cannot be decoded');
        return messages;
      },
    };
    return isAsync ? asyncCodec(plain) : plain;
  }
}
const NONE: readonly string[] = [];

/** Returns the number at the start of a text. */
function leadingNumber(text: string): number {
  let number = 0;
  for (let at = 0; ; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return number;
    number = 10 * number + digit;
  }
}
