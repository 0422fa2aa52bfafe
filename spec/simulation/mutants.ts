/** A deliberate fault in the protocol. */
export interface Mutant {
  readonly name: string;
  /** The rule that it breaks. */
  readonly why: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

const RECEIVING: readonly Mutant[] = [
  {
    name: 'ack on receive',
    why: 'only what is done is acked',
    file: 'lib/session/incoming.ts',
    find: 'sendAck(receiver.progress.done)',
    replace: 'sendAck(receiver.rx)',
  },
  {
    name: 'accept a gap',
    why: 'numbers are accepted one after the other',
    file: 'lib/session/receiver.ts',
    find: 'if (first > accepted() + 1) throw',
    replace: 'if (first > accepted() + 1) rx = first - 1; if (first < 0) throw',
  },
  {
    name: 'accept a repeat',
    why: 'a number is accepted once',
    file: 'lib/session/receiver.ts',
    find: 'for (let index = rx + 1 - first;',
    replace: 'for (let index = ((rx = Math.min(rx, first - 1)), 0);',
  },
  {
    name: 'ignore skip',
    why: 'what is skipped does not come',
    file: 'lib/session/reading.ts',
    find: 'incoming.receiver.skip(frame.numbers)',
    replace: 'incoming.receiver.rx',
  },
  {
    name: 'forget what is finished',
    why: 'what was finished out of order is not done again after a crash',
    file: 'lib/session/receiver.ts',
    find: 'else if (!mine.has(number)) hand',
    replace: 'else hand',
  },
  {
    name: 'do not catch up',
    why: 'what was finished before a restart is accepted once all before it is done',
    file: 'lib/session/receiver.ts',
    find: 'while (rx < progress.done) skipped.delete(++rx);',
    replace: '',
  },
  {
    name: 'go on in a new session',
    why: 'the numbers of a new session begin anew',
    file: 'lib/session/client.ts',
    find: 'endpoint.incoming.receiver.begin(sid);',
    replace: '',
  },
  {
    name: 'numbered messages dropped at the gate',
    why: 'what is accepted is handed over',
    file: 'lib/session/gate.ts',
    find: 'else held.push([message, settle]);',
    replace: 'else if (held.length < maxHeld) held.push([message, settle]);',
  },
];

const COMMITTING: readonly Mutant[] = [
  {
    name: 'cursor before effect',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/commits.ts',
    find: 'wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);',
    replace: `const effects = (): void => wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);
      wait(() => inbox.commit(progress.pid, cursor, []), effects, failed);`,
  },
  {
    name: 'effect before cursor',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/commits.ts',
    find: 'wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);',
    replace: `const then = (): void => wait(() => inbox.commit(progress.pid, cursor, []), done, failed);
      wait(() => inbox.commit(progress.pid, progress.cursorWith([]), outcomesOf(group)), then, failed);`,
  },
  {
    name: 'ack before the commit',
    why: 'what is acked outlives a crash',
    file: 'lib/session/settling.ts',
    find: 'commits.add(number, outcomes, progress);',
    replace: 'commits.add(number, outcomes, progress); progress.mark(number); options.onDone();',
  },
  {
    name: 'cursor without what is finished above it',
    why: 'what was finished out of order is not done again after a crash',
    file: 'lib/session/progress.ts',
    find: 'finished: [...above, ...numbers].filter((number) => number > then.done)',
    replace: 'finished: [...above, ...numbers].filter((number) => number < 0)',
  },
];

const SENDING: readonly Mutant[] = [
  {
    name: 'window off by one',
    why: 'sent − acked ≤ window',
    file: 'lib/session/flight.ts',
    find: 'lastOf(batch) > state.limit ||',
    replace: 'lastOf(batch) > state.limit + 1 ||',
  },
  {
    name: 'no window in bytes',
    why: 'the receiver says how many bytes may be on their way',
    file: 'lib/session/flight.ts',
    find: '|| bytesFlying > state.bytesAllowed)',
    replace: ')',
  },
  {
    name: 'send again what is accepted',
    why: 'what is sent again begins behind rx',
    file: 'lib/session/flight.ts',
    find: 'lastOf(batch) <= rx;',
    replace: 'lastOf(batch) < rx;',
  },
  {
    name: 'acked once sent',
    why: 'a receipt says what is true',
    file: 'lib/session/flight.ts',
    find: "ledger.note(id, 'sent');",
    replace: "ledger.close(id, 'acked');",
  },
  {
    name: 'send what has expired',
    why: 'what has expired is skipped',
    file: 'lib/session/batches.ts',
    find: 'return numbers.length < count ? [skip, frame] : [skip];',
    replace: 'return skip ? [frame] : [];',
  },
  {
    name: 'send before it is stored',
    why: 'a number is stored before it is used',
    file: 'lib/session/keeping.ts',
    find: 'storing.run(write, stored, failed);',
    replace: 'stored(); storing.run(write, () => undefined, failed);',
  },
  {
    name: 'number at most once',
    why: 'an at-most-once message is sent once',
    file: 'lib/session/sendQueue.ts',
    find: 'isSure(levelOf(message)) ? sure : unsure',
    replace: 'sure',
  },
  {
    name: 'trim before the ack',
    why: 'a message is kept until it is acked',
    file: 'lib/session/outgoing.ts',
    find: 'store.trim(flight.acked)',
    replace: 'store.trim(flight.sent)',
  },
  {
    name: 'out of order after a reconnect',
    why: 'what is sent again keeps its order',
    file: 'lib/session/flight.ts',
    find: '[...flying.values(), ...waiting.values()]',
    replace: '[...waiting.values(), ...flying.values()]',
  },
];

const RESUMING: readonly Mutant[] = [
  {
    name: 'send again what is in doubt',
    why: 'an exactly-once message that may have arrived is given up',
    file: 'lib/session/sender.ts',
    find: "delivery === 'exactly-once' && first <= sent",
    replace: 'first < 0',
  },
  {
    name: 'no discontinuity',
    why: 'who is not known begins anew',
    file: 'lib/session/sender.ts',
    find: '!(isKnown || flight.sent === 0)',
    replace: 'false',
  },
  {
    name: 'everybody is known',
    why: 'a server that has forgotten says so',
    file: 'lib/server/session/peer.ts',
    find: 'known: isConfirmed,',
    replace: 'known: true,',
  },
  {
    name: 'resume at once',
    why: 'a session goes on only once its numbers are its own',
    file: 'lib/server/session/peer.ts',
    find: 'isResumable = resumed;',
    replace: 'isResumable = true;',
  },
  {
    name: 'send behind the welcome',
    why: 'the server sends only to who has got the welcome',
    file: 'lib/server/session/serverSide.ts',
    find: "connection.send(controlFrame('welcome', welcome));",
    replace: "connection.send(controlFrame('welcome', welcome)); if (pending) endpoint.agree(connection, pending);",
  },
];

const ATTACHING: readonly Mutant[] = [
  {
    name: 'no fencing by epoch',
    why: 'the latest owner of an outbox is the only one',
    file: 'lib/server/session/peer.ts',
    find: 'epoch < record.epoch || ',
    replace: '',
  },
  {
    name: 'no fencing by n',
    why: 'the latest connection is the only one',
    file: 'lib/server/session/peer.ts',
    find: '(epoch === record.epoch && n <= record.n)',
    replace: 'false',
  },
  {
    name: 'any token',
    why: 'only who has the token comes back',
    file: 'lib/server/session/peer.ts',
    find: '!record.tokens.some((token) => isSame(token, digest(rt)))',
    replace: '!digest(rt)',
  },
  {
    name: 'a token for ever',
    why: 'a token is of no use once the next one was used',
    file: 'lib/server/session/peer.ts',
    find: 'record.tokens.slice(0, 1)',
    replace: 'record.tokens',
  },
  {
    name: 'the older connection stays',
    why: 'a newer connection takes the place of the older',
    file: 'lib/server/berth.ts',
    find: 'older.close(CloseCode.SUPERSEDED',
    replace: 'void (older.close, CloseCode.SUPERSEDED',
  },
  {
    name: 'no heartbeat',
    why: 'who is silent for too long is gone',
    file: 'lib/session/heartbeat.ts',
    find: 'if (quiet === 4)',
    replace: 'if (quiet < 0)',
  },
  {
    name: 'wait for ever for a welcome',
    why: 'a handshake comes to its end in time',
    file: 'lib/session/connection.ts',
    find: 'after(helloTimeout',
    replace: 'after(Infinity',
  },
  {
    name: 'a ping that hides the tail',
    why: 'a ping tells what was sent',
    file: 'lib/session/endpoint.ts',
    find: "controlFrame('ping', outgoing.flight.tail)",
    replace: "controlFrame('ping', 0)",
  },
  {
    name: 'a ping that tells too much',
    why: 'a ping tells what was sent over its own connection',
    file: 'lib/session/endpoint.ts',
    find: "controlFrame('ping', outgoing.flight.tail)",
    replace: "controlFrame('ping', outgoing.flight.sent)",
  },
];

export const MUTANTS: readonly Mutant[] = [...RECEIVING, ...COMMITTING, ...SENDING, ...RESUMING, ...ATTACHING];
