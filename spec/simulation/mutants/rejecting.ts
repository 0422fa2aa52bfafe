import type { Mutant } from './mutant.js';

/** Faults of messages that are refused, buried, or cannot be decoded. */
export const REJECTING: readonly Mutant[] = [
  {
    name: 'a rejection that is not sent again',
    why: 'a sender learns what was rejected before a connection was lost',
    file: 'lib/session/receive/rejectionSender.ts',
    find: 'this.#unsent = [...(this.#receiver().tracker.rejections ?? [])];',
    replace: '',
  },
  {
    name: 'a rejection that is sent after its ack',
    why: 'the rejection of a number comes before its ack',
    file: 'lib/session/endpoint.ts',
    find: 'if (rejection) this.#reject([rejection], mine);\n      mine.mark(number);',
    replace: 'mine.mark(number);\n      if (rejection) void Promise.resolve().then(() => this.#reject([rejection], mine));',
  },
  {
    name: 'a rejection that the inbox does not store',
    why: 'a receiver that restarts still knows what it has rejected',
    file: 'lib/session/receive/ackTracker.ts',
    find: '...(rejected.length > 0 && { rejections: rejected })',
    replace: '',
  },
  {
    name: 'a refused message that is acked',
    why: 'the receipt of a refused message says so',
    file: 'lib/session/send/inFlight.ts',
    find: "else if (kind === 'refused') this.#pending.close(id, kind, {",
    replace: "else if (kind === 'refused') this.#pending.close(id, 'acked', { outcome: 'processed',",
  },
  {
    name: 'a poison batch that is acked without a dead letter',
    why: 'a batch that is set aside is kept, and its sender learns of it',
    file: 'lib/session/receive/undecodable.ts',
    find: 'session.settle(number, [{ rejection,',
    replace: 'session.settle(number, [{',
  },
  {
    name: 'a poison batch that is never set aside',
    why: 'a batch that cannot be decoded does not stop those behind it',
    file: 'lib/session/receive/frameReader.ts',
    find: 'if (attempts >= maxBadFrames) {',
    replace: 'if (attempts < 0) {',
  },
  {
    name: 'a poison batch whose attempts are forgotten with its connection',
    why: 'the attempts at a batch count over all connections',
    file: 'lib/session/receive/frameReader.ts',
    find: 'this.#waitingBytes = 0;\n  }\n\n  /** Ends a connection after',
    replace: 'this.#waitingBytes = 0;\n    this.#undecodable = undefined;\n  }\n\n  /** Ends a connection after',
  },
  {
    name: 'a wire that completes although messages are left',
    why: 'a wire completes only when its messages have their outcomes',
    file: 'lib/session/lifecycle.ts',
    find: 'if (error) fail(error);\n      else to.complete();',
    replace: 'to.complete();',
  },
  {
    name: 'rejections that are larger than a frame',
    why: 'what is larger than the other side accepts is not sent',
    file: 'lib/session/receive/rejectionSender.ts',
    find: 'if (bytes > maxBytes || ',
    replace: 'if (bytes === Infinity || ',
    from: 61_000,
  },
];
