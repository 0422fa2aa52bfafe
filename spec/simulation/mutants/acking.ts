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
    name: 'an ack that is applied before the batch it travels with',
    why: 'the receiver applies the ack after the batch',
    file: 'lib/session/endpoint.ts',
    find: 'if (ack && !isEarly) this.sender.inFlight.check(ack.done);',
    replace: 'if (ack && !isEarly) this.sender.acknowledge(ack);',
  },
  {
    name: 'an ack whose credit adds up',
    why: 'an ack that is applied twice has the effect of one',
    file: 'lib/session/send/inFlight.ts',
    find: 'this.limit = this.acked + credit;',
    replace: 'this.limit += credit;',
  },
  {
    name: 'a lazy ack of a watched message',
    why: 'the ack of a message may not wait when the application waits for it',
    file: 'lib/session/endpoint.ts',
    find: '!pending.isWatched() &&',
    replace: '',
  },
  {
    name: 'an ack that must not wait, and waits once its message is processed',
    why: 'the ack of a message may not wait when the application waits for it',
    file: 'lib/session/receive/ackPolicy.ts',
    find: 'this.#promptUpTo = Math.max(this.#promptUpTo, last);',
    replace: '',
  },
  {
    name: 'an ack that waits for the next batch only',
    why: 'an ack is sent alone when its wait has passed',
    file: 'lib/session/receive/ackPolicy.ts',
    find: 'if (deadline < this.#alarmAt) this.#setAlarm(this.#wait);',
    replace: '',
  },
  {
    name: 'a drain that does not ask for the acks that wait',
    why: 'a session that drains asks for the acks that wait',
    file: 'lib/session/endpoint.ts',
    find: 'if (this.sender.pending.byId.size > 0 && this.hasLazyAcks && this.#connection?.isAgreed)',
    replace: 'if (this.#isOver && this.#connection)',
  },
  {
    name: 'a drain that lets acks wait',
    why: 'the ack of a message may not wait when its sender drains',
    file: 'lib/session/endpoint.ts',
    find: '!this.#isDraining &&',
    replace: '',
  },
  {
    name: 'an ack that is forgotten when the wire completes',
    why: 'a side that closes a connection first sends the ack that it owes',
    file: 'lib/session/endpoint.ts',
    find: 'close(): boolean {\n    this.flushAcks();',
    replace: 'close(): boolean {',
  },
  {
    name: 'an ack that is forgotten when the client is unsubscribed',
    why: 'a side that closes a connection first sends the ack that it owes',
    file: 'lib/session/lifecycle.ts',
    find: 'to.add(() => endpoint.flushAcks());',
    replace: '',
  },
  {
    name: 'an ack that is forgotten when the server ends a session',
    why: 'a side that closes a connection first sends the ack that it owes',
    file: 'lib/server/session/awakeSession.ts',
    find: 'this.endpoint.flushAcks();',
    replace: '',
  },
];
