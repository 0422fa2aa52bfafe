import type { Frame } from '../link/link.js';
import { batchFrame, MAX_BATCH } from './frames.js';
import type { SenderOptions } from './sender.js';

export type UnsureOptions = Pick<SenderOptions, 'queue' | 'ledger' | 'encode'>;

/** Sends at-most-once messages: without a number, and never again. */
export function sendUnsure(transmit: (frame: Frame) => void, { queue, ledger, encode }: UnsureOptions): void {
  for (let taken = queue.takeUnsure(MAX_BATCH); taken.length > 0; taken = queue.takeUnsure(MAX_BATCH)) {
    for (const { messages, body } of encode(taken)) {
      transmit(batchFrame(0, messages.length, body));
      for (const { id } of messages) ledger.close(id, 'sent');
    }
  }
}
