import { OverflowError } from '../errors.js';
import type { Message } from '../message/types.js';
import { offer } from './claims.js';
import type { Settle } from './receiver.js';

export interface Gate {
  /** Hands a message to its subscribers once there is one. */
  readonly hand: (message: Message, settle: Settle) => void;
  open(): void;
}

/** Messages wait here, unacked, for the first subscriber. */
export function createGate(emit: (message: Message) => void, maxHeld: number, onOverflow: (error: OverflowError) => void): Gate {
  let isOpen = false;
  let held: (readonly [Message, Settle])[] = [];

  return {
    hand(message, settle) {
      if (isOpen) offer(message, emit, settle);
      else if (held.length < maxHeld) held.push([message, settle]);
      else onOverflow(new OverflowError('messages before the first subscriber', maxHeld));
    },
    open() {
      isOpen = true;
      const waiting = held;
      held = [];
      for (const [message, settle] of waiting) offer(message, emit, settle);
    },
  };
}
