import type { JsMsg } from '@nats-io/jetstream';
import type { Broker } from './broker.js';
import { eraOf, type Era } from './epochs.js';
import type { Place } from './settle.js';
import type { Tails } from './tails.js';

interface Taking {
  readonly tails: Tails;
  readonly meet: (era: Era) => void;
  readonly place: () => Place | undefined;
}

/** Hands a message of the stream to the tail of its channel. */
export function createTaking({ subjects, decode }: Broker, { tails, meet, place }: Taking): (message: JsMsg) => void {
  return (message) => {
    const { seq, subject, data } = message;
    const here = place();
    if (!here || seq <= here.head) return;
    const isNext = seq === here.head + 1;
    here.head = seq;
    here.bytes += data.length;
    // All channels are in doubt: nobody tells whose message it was that is not there any more.
    if (!isNext) tails.lose('messages went before they came');
    if (subject === subjects.epoch) {
      const era = eraOf(message.string(), seq, message.time.getTime());
      if (era) meet(era);
      return;
    }
    const tail = tails.get(subjects.channelOf(subject) ?? '');
    const decoded = tail && decode(data, subject);
    if (decoded) tail.next({ epoch: here.era.epoch, offset: seq, message: decoded });
  };
}
