import { setTimeout as sleep } from 'node:timers/promises';
import { createMessage, type Message } from '../../lib/index.js';

/** The numbered messages of one writer in a channel: 1, 2, 3, … */
interface Numbered {
  readonly writer: string;
  readonly number: number;
}

export interface NumberWriter {
  readonly writer: string;
  /** The pause between two messages, in ms. */
  readonly pause: number;
  readonly isCalm: () => boolean;
  /** Resolves when the log has the message; rejects when that is not known. */
  readonly publish: (message: Message) => Promise<unknown>;
  readonly onWritten?: (number: number) => void;
}

/** Writes to a channel until it is calm: each message when the log has the one before. */
export async function writeNumbers({ writer, pause, isCalm, publish, onWritten }: NumberWriter): Promise<void> {
  for (let number = 1; !isCalm(); number++) {
    const message = createMessage('chaos.numbered', { writer, number } satisfies Numbered, { source: writer });
    // The log stores a message with the same id once.
    for (let isStored = false; !isStored;) {
      isStored = await publish(message).then(
        () => true,
        () => false,
      );
      if (!isStored) await sleep(pause);
    }
    onWritten?.(number);
    await sleep(pause);
  }
}

/** Checks that no message of a writer is missing, doubled or reordered. */
export interface NumberCheck {
  /** Returns what is wrong with the next message. */
  take(message: Message): string | undefined;
  /** Returns the highest number of a writer; 0 if it has none. */
  last(writer: string): number;
}

/** @param isWhole Whether the messages begin with the first one of each writer. */
export function createNumberCheck(isWhole: boolean): NumberCheck {
  const lasts = new Map<string, number>();
  return {
    take({ payload }) {
      const { writer, number } = payload as Numbered;
      const last = lasts.get(writer) ?? (isWhole ? 0 : number - 1);
      lasts.set(writer, number);
      return number === last + 1 ? undefined : `message ${number} of ${writer} behind ${last}`;
    },
    last: (writer) => lasts.get(writer) ?? 0,
  };
}

/** Returns what is wrong with messages that were read from a channel, and the check. @param limit The number of messages that were requested. */
export function checkRead(messages: readonly Message[], limit: number) {
  const check = createNumberCheck(messages.length < limit);
  const breach = messages.map((message) => check.take(message)).find((one) => one !== undefined);
  return { last: check.last, breach: breach === undefined ? undefined : `${messages.length} messages that were read have ${breach}` };
}
