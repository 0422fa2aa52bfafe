import type { Mutant } from './mutant.js';

/** Faults of messages that are refused, buried, or cannot be decoded. */
export const REJECTING: readonly Mutant[] = [
  {
    name: 'do not send a rejection again',
    why: 'a sender receives the rejections of a lost connection',
    file: 'lib/session/receive/rejectionSender.ts',
    find: 'this.#unsent = [...(this.#receiver().tracker.rejections ?? [])];',
    replace: '',
  },
  {
    name: 'send a rejection after its ack',
    why: 'the rejection of a number comes before its ack',
    file: 'lib/session/endpoint.ts',
    find: 'if (rejection) this.#reject([rejection], mine);\n      mine.mark(number);',
    replace: 'mine.mark(number);\n      if (rejection) void Promise.resolve().then(() => this.#reject([rejection], mine));',
  },
  {
    name: 'do not store rejections',
    why: 'a receiver that restarts still has its rejections',
    file: 'lib/session/receive/ackTracker.ts',
    find: '...(rejected.length > 0 && { rejections: rejected })',
    replace: '',
  },
  {
    name: 'ack a refused message',
    why: 'the receipt of a refused message is refused',
    file: 'lib/session/send/inFlight.ts',
    find: "else if (kind === 'refused') this.#pending.close(id, kind, {",
    replace: "else if (kind === 'refused') this.#pending.close(id, 'acked', { outcome: 'processed',",
  },
  {
    name: 'ack a poison batch without a dead letter',
    why: 'a batch that is set aside is kept, and its sender learns of it',
    file: 'lib/session/receive/undecodable.ts',
    find: 'session.settle(number, [{ rejection,',
    replace: 'session.settle(number, [{',
  },
  {
    name: 'never set a poison batch aside',
    why: 'an undecodable batch does not stop later ones',
    file: 'lib/session/receive/frameReader.ts',
    find: 'if (attempts >= maxBadFrames) {',
    replace: 'if (attempts < 0) {',
  },
  {
    name: 'forget the attempts with the connection',
    why: 'the attempts at a batch count over all connections',
    file: 'lib/session/receive/frameReader.ts',
    find: 'this.#waitingBytes = 0;\n  }\n\n  /** Ends a connection after',
    replace: 'this.#waitingBytes = 0;\n    this.#undecodable = undefined;\n  }\n\n  /** Ends a connection after',
  },
  {
    name: 'complete a wire with messages left',
    why: 'a wire completes only when its messages have their outcomes',
    file: 'lib/session/lifecycle.ts',
    find: 'if (error) fail(error);\n      else to.complete();',
    replace: 'to.complete();',
  },
  {
    name: 'rejections that are larger than a frame',
    why: 'frames above the limit of the other side are not sent',
    file: 'lib/session/receive/rejectionSender.ts',
    find: 'if (bytes > maxBytes || ',
    replace: 'if (bytes === Infinity || ',
    from: 61_000,
  },
];
