import type { Mutant } from './mutant.js';

/** Faults of acks that wait, or travel with batches. */
export const ACKING: readonly Mutant[] = [
  {
    name: 'apply a carried ack before it is checked',
    why: 'the receiver checks the ack before it uses the batch',
    file: 'lib/session/endpoint.ts',
    find: 'if (ack && !isEarly) this.sender.inFlight.check(ack.done);',
    replace: 'if (ack && !isEarly) this.sender.acknowledge({ ...ack, done: ack.done + 1 });',
  },
  {
    name: 'a carried ack of accepted messages',
    why: 'a receiver acks only processed messages',
    file: 'lib/session/endpoint.ts',
    find: 'connection.send(withAck(frame, done,',
    replace: 'connection.send(withAck(frame, this.receiver.rx,',
  },
  {
    name: 'apply a carried ack before its batch',
    why: 'the receiver applies the ack after the batch',
    file: 'lib/session/endpoint.ts',
    find: 'if (ack && !isEarly) this.sender.inFlight.check(ack.done);',
    replace: 'if (ack && !isEarly) this.sender.acknowledge(ack);',
  },
  {
    name: 'add the credit of each ack',
    why: 'an ack that is applied twice has the effect of one',
    file: 'lib/session/send/inFlight.ts',
    find: 'this.limit = this.acked + credit;',
    replace: 'this.limit += credit;',
  },
  {
    name: 'a delayed ack of a watched message',
    why: 'the ack of a message does not wait when the application waits for it',
    file: 'lib/session/endpoint.ts',
    find: '!pending.isWatched() &&',
    replace: '',
  },
  {
    name: 'delay a prompt ack after the message is processed',
    why: 'the ack of a message does not wait when the application waits for it',
    file: 'lib/session/receive/ackPolicy.ts',
    find: 'this.#promptUpTo = Math.max(this.#promptUpTo, last);',
    replace: '',
  },
  {
    name: 'never send an ack alone',
    why: 'an ack is sent alone when its wait has passed',
    file: 'lib/session/receive/ackPolicy.ts',
    find: 'if (deadline < this.#alarmAt) this.#setAlarm(this.#wait);',
    replace: '',
  },
  {
    name: 'drain without a ping',
    why: 'a session that drains requests the waiting acks',
    file: 'lib/session/endpoint.ts',
    find: 'if (this.sender.pending.byId.size > 0 && this.hasLazyAcks && this.#connection?.isAgreed)',
    replace: 'if (this.#isOver && this.#connection)',
  },
  {
    name: 'let acks wait during a drain',
    why: 'the ack of a message does not wait when its sender drains',
    file: 'lib/session/endpoint.ts',
    find: '!this.#isDraining &&',
    replace: '',
  },
  {
    name: 'forget the ack when the wire completes',
    why: 'a side that closes a connection first sends its waiting ack',
    file: 'lib/session/endpoint.ts',
    find: 'close(): boolean {\n    this.flushAcks();',
    replace: 'close(): boolean {',
  },
  {
    name: 'forget the ack when the client unsubscribes',
    why: 'a side that closes a connection first sends its waiting ack',
    file: 'lib/session/lifecycle.ts',
    find: 'to.add(() => endpoint.flushAcks());',
    replace: '',
  },
  {
    name: 'forget the ack when the server ends a session',
    why: 'a side that closes a connection first sends its waiting ack',
    file: 'lib/server/session/awakeSession.ts',
    find: 'this.endpoint.flushAcks();',
    replace: '',
  },
];
