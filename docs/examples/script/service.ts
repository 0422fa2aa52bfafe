import type { Subscription } from 'rxjs';
import { consume, ofType, type Wire } from 'rxwire';
import type {} from './messages.js';

/** Creates the handlers of the server. They need no network, so the test uses them, too. */
export function createService() {
  const numbers: number[] = [];
  return {
    /** The numbers of the readings that are processed. */
    numbers,
    /** Serves the wire of one client. A reading is acked when its handler has returned. */
    serve: (wire: Wire): Subscription =>
      wire
        .pipe(
          ofType('reading.taken'),
          consume(({ payload }) => void numbers.push(payload.number)),
        )
        .subscribe(),
  };
}
