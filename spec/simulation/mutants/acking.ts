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
    name: 'an ack that travels is not read',
    why: 'an ack that has travelled is not sent again',
    file: 'lib/session/endpoint.ts',
    find: 'ack !== connection.earlyAck && !connection.isOver) this.sender.acknowledge(ack);',
    replace: 'connection.isOver) this.sender.acknowledge(ack);',
  },
  {
    name: 'an ack that waits for ever',
    why: 'an ack goes alone when its wait has passed',
    file: 'lib/session/receive/ackPolicy.ts',
    find: 'if (left <= 0) this.demand();',
    replace: 'if (left < 0) this.demand();\n    else if (left === 0) return;',
  },
];
