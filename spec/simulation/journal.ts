import type { Delivery, Message } from '../../lib/index.js';
import type { ReceiptStatus } from '../../lib/message/receipt.js';
import type { Life } from './life.js';
import type { Side } from './network.js';

/** Who sends: a wire, in a life of a process. */
export interface Sender {
  readonly side: Side;
  readonly life: Life;
  /** Whether its wire is at its end. */
  readonly isEnded: () => boolean;
  /** Whether the application has subscribed to the wire. */
  readonly isListening: () => boolean;
  /** Names what keeps its order: an outbox that outlives it, or the wire. */
  readonly stream: string;
}

/** All that is known of one message. */
export interface Entry {
  readonly message: Message;
  readonly level: Delivery;
  /** Its place among all that were sent. */
  readonly order: number;
  readonly sender: Sender;
  /** Whether a durable outbox has it; since when, in ms; and whether its process could send then. */
  isStored: boolean;
  /** Whether a write of it is under way. */
  isBeingStored: boolean;
  storedAt: number;
  isStoredOnline: boolean;
  /** How often it was put on a link, and when that connection was agreed on. */
  flown: number;
  flownSince: number;
  /** To whom it was handed, each time: the same for as long as the receiver remembers what it had. */
  readonly handed: object[];
  /** When it was handed over last. */
  handedAt: number;
  /** How often it had its effect. */
  effects: number;
  /** When it had its effect last, or was buried. */
  doneAt: number;
  /** Whether the application waits for its ack in particular. */
  isAwaited: boolean;
  /** The process that has taken its ack. */
  ackedTo: Life | undefined;
  /** The process that has stored that no later owner sends it. */
  settledBy: Life | undefined;
  /** The messages of the batch that carried its ack. */
  rode: readonly string[];
  /** Its receiver could not process it, and has said so for good. */
  isBuried: boolean;
  /** Whether its wire had ended already: an application that subscribes late learns so late. */
  readonly isLate: boolean;
  /** Whether its receiver cannot decode it. */
  readonly isPoison: boolean;
  /** Whether its receiver has set it aside as undecodable. */
  isSetAside: boolean;
  /** Whether its receiver refuses it, and has said so for good. */
  readonly isUnwanted: boolean;
  isRefused: boolean;
  /** Its last receipt from each wire that had it. */
  readonly outcomes: Map<Life | object, ReceiptStatus>;
}

/** The truth about all messages, which no process knows. */
export interface Journal {
  readonly entries: ReadonlyMap<string, Entry>;
  add(message: Message, level: Delivery, sender: Sender, fate: Pick<Entry, 'isPoison' | 'isUnwanted' | 'isLate'>): Entry;
  /** @throws {RangeError} When nobody has sent it. */
  of(id: string): Entry;
  /** Acks of messages without an outcome are not known any more. */
  forgetAcks(life: Life): void;
}

export function createJournal(): Journal {
  const entries = new Map<string, Entry>();
  return {
    entries,
    add(message, level, sender, fate) {
      const entry: Entry = {
        ...{ message, level, sender, ...fate, order: entries.size, isSetAside: false, isRefused: false },
        ...{ handedAt: -1, doneAt: -1, isAwaited: false, ackedTo: undefined, settledBy: undefined, rode: [] },
        ...{
          isStored: false,
          isBeingStored: false,
          storedAt: 0,
          isStoredOnline: false,
          flown: 0,
          flownSince: 0,
          handed: [],
          effects: 0,
          isBuried: false,
          outcomes: new Map(),
        },
      };
      entries.set(message.id, entry);
      return entry;
    },
    forgetAcks(life) {
      for (const entry of entries.values()) if (entry.ackedTo === life && entry.outcomes.size === 0) entry.ackedTo = undefined;
    },
    of(id) {
      const entry = entries.get(id);
      if (!entry) throw new RangeError(`a message that nobody sent: ${id}`);
      return entry;
    },
  };
}

/** Whether its receiver is through with it. */
export const isDone = ({ effects, isBuried, isRefused, isSetAside }: Entry): boolean => effects > 0 || isBuried || isRefused || isSetAside;
