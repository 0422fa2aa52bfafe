import { OverflowError } from '../errors.js';
import type { Message } from '../message/types.js';
import { offer, type Terms } from './claims.js';
import type { Settle } from './receiver.js';

export interface Gate {
  /** Hands a message to its subscribers once there is one. Those that have a number are never more than the window allows. */
  readonly hand: (message: Message, settle: Settle) => void;
  /** Those that have none are dropped, when too many wait. */
  readonly handUnsure: (message: Message, settle: Settle) => void;
  open(): void;
}

export interface GateOptions {
  readonly emit: (message: Message) => void;
  readonly terms: Terms;
  /** Messages without a number that may wait. */
  readonly maxHeld: number;
  readonly onOverflow: (error: OverflowError) => void;
}

/** Messages wait here, unacked, for the first subscriber. */
export function createGate({ emit, terms, maxHeld, onOverflow }: GateOptions): Gate {
  let isOpen = false;
  let held: (readonly [Message, Settle])[] = [];
  let unsure = 0;

  const hand = (message: Message, settle: Settle): void => {
    if (isOpen) offer(message, emit, settle, terms);
    else held.push([message, settle]);
  };
  return {
    hand,
    handUnsure(message, settle) {
      if (isOpen || ++unsure <= maxHeld) hand(message, settle);
      else {
        onOverflow(new OverflowError('messages before the first subscriber', maxHeld));
        settle([]);
      }
    },
    open() {
      isOpen = true;
      const waiting = held;
      held = [];
      for (const [message, settle] of waiting) offer(message, emit, settle, terms);
    },
  };
}
