import type { Mutant } from './mutant.js';

/** Faults of acks that wait, or travel with batches. */
export const ACKING: readonly Mutant[] = [
  {
    name: 'an ack that travels is settled before its batch',
    why: 'the receiver checks the ack before it uses the batch',
    file: 'lib/session/endpoint.ts',
    find: 'if (ack && !isEarly) this.sender.inFlight.check(ack.done);',
    replace: 'if (ack && !isEarly) this.sender.acknowledge({ ...ack, done: ack.done + 1 });',
  },
  {
    name: 'an ack that travels tells of what is accepted',
    why: 'only what is done is acked',
    file: 'lib/session/endpoint.ts',
    find: 'connection.send(withAck(frame, done,',
    replace: 'connection.send(withAck(frame, this.receiver.rx,',
  },
  {
    name: 'a batch that is lost when the session wakes up',
    why: 'what was sent while the session hibernated is kept until it is acked',
    file: 'lib/session/send/sender.ts',
    find: 'this.inFlight.begin(acked, sent, batches);',
    replace: 'this.inFlight.begin(sent, sent, []);',
  },
  {
    name: 'a window that hibernation forgets',
    why: 'sent − acked ≤ window, also while the session hibernates',
    file: 'lib/server/session/snapshot.ts',
    find: 'if (sent - acked + count > Math.min(allowance.window, maxMessages)) return false;',
    replace: 'if (sent < 0) return false;',
  },
];
