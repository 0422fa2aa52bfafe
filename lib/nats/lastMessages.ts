import type { Message } from '../message/types.js';
import { endOf, type NatsContext } from './natsContext.js';
import type { StreamEpoch } from './streamEpochs.js';

/** The last message of a channel. */
export interface LastMessage {
  /** Its sequence number; 0 if there is none. */
  readonly seq: number;
  /** The message, if it has ended the channel. */
  readonly end?: Message | undefined;
}

/** The last message of the channels to which this server appends, as far as it knows: another server may have appended since. */
export interface LastMessages {
  readonly get: (subject: string) => LastMessage | undefined;
  /** Reads the last message from the stream. */
  readonly load: (subject: string, streamEpoch: StreamEpoch) => Promise<LastMessage>;
  /** Reports a message that this server has appended. */
  readonly set: (subject: string, last: LastMessage) => void;
  /** Reports a message of any server. Does nothing for a channel that is not known. `message` is undefined if it was not decoded. */
  readonly observe: (subject: string, seq: number, message: Message | undefined) => void;
}

/** The maximum number of channels. Another one costs a read of its last message. */
const MAX_CHANNELS = 10_000;

export function createLastMessages({ latest, decodeEnd }: NatsContext): LastMessages {
  const known = new Map<string, LastMessage>();
  const set = (subject: string, last: LastMessage): void => {
    known.delete(subject);
    known.set(subject, last);
    const [oldest] = known.size > MAX_CHANNELS ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
  };
  return {
    set,
    get: (subject) => known.get(subject),
    async load(subject, { since }) {
      const found = await latest(subject);
      // A message of an earlier epoch ends nothing.
      const end = found && found.seq > since ? decodeEnd(found.data) : undefined;
      const last = { seq: found?.seq ?? 0, end };
      set(subject, last);
      return last;
    },
    observe(subject, seq, message) {
      const last = known.get(subject);
      if (!last || seq <= last.seq) return;
      if (message) known.set(subject, { seq, end: endOf(message) });
      else known.delete(subject);
    },
  };
}
