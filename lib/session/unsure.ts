import type { Frame } from '../link/link.js';
import type { Encoded } from './encoding.js';
import { batchFrame, MAX_BATCH } from './frames.js';
import type { SenderOptions } from './sender.js';
import { createStoring } from './storing.js';

export type UnsureOptions = Pick<SenderOptions, 'queue' | 'ledger' | 'encode' | 'wait'>;

/** Sends at-most-once messages while there is a connection, in order: without a number, and never again. */
export function createUnsure({ queue, ledger, encode, wait }: UnsureOptions) {
  let transmit: ((frame: Frame) => void) | undefined;
  const encoding = createStoring(wait, () => unsure.pump());

  const send = (encoded: readonly Encoded[]): void => {
    for (const { messages, body } of encoded) {
      transmit?.(batchFrame(0, messages.length, body));
      for (const { id } of messages) {
        if (transmit) ledger.close(id, 'sent');
        else ledger.drop(id, 'closed');
      }
    }
  };
  const unsure = {
    attach: (to: typeof transmit): void => void (transmit = to),
    pump(): void {
      const messages = transmit && !encoding.isBusy ? queue.takeUnsure(MAX_BATCH) : [];
      if (messages.length > 0) encoding.run(() => encode(messages, 0), send);
    },
  };
  return unsure;
}
