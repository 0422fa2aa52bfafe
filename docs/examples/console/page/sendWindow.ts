import type { InspectedFrame } from 'rxwire';

/** How full the window is: the messages that were sent and are not acked, of those that may be. */
export interface SendWindow {
  readonly inFlight: number;
  readonly size: number;
  readonly onFrame: (frame: InspectedFrame) => void;
}

/** Follows the window from this page to the server. */
export function createSendWindow(): SendWindow {
  let [sent, done, size] = [0, 0, 0];
  return {
    get inFlight() {
      return Math.max(0, sent - done);
    },
    get size() {
      return size;
    },
    onFrame({ kind, direction, first = 0, count = 0, ack, fields = {} }) {
      if (direction === 'sent') {
        if (kind === 'msg' && first > 0) sent = Math.max(sent, first + count - 1);
        return;
      }
      if (kind === 'welcome') {
        // The server does not know this page: the numbers begin again.
        if (fields['known'] !== true) [sent, done] = [0, 0];
        size = Number(fields['window']) || size;
      }
      if (ack && ack.done >= done) [done, size] = [ack.done, ack.credit];
    },
  };
}
