import type { Mutant } from './mutant.js';

/** What goes wrong about who is connected, and whether. */
export const ATTACHING: readonly Mutant[] = [
  {
    name: 'no fencing by epoch',
    why: 'the latest owner of an outbox is the only one',
    file: 'lib/server/session/resumption.ts',
    find: '!isEarlier(record, { epoch, n })',
    replace: 'epoch === record.epoch && n <= record.n',
  },
  {
    name: 'no fencing by n',
    why: 'the latest connection is the only one',
    file: 'lib/server/session/resumption.ts',
    find: '!isEarlier(record, { epoch, n })',
    replace: 'epoch < record.epoch',
  },
  {
    name: 'any token',
    why: 'only who has the token comes back',
    file: 'lib/server/session/resumption.ts',
    find: '![rt, ...former].some((token) => isAmong(record.tokens, token))',
    replace: '!digest(rt)',
  },
  {
    name: 'a token for ever',
    why: 'a token is of no use once the next one was used',
    file: 'lib/server/session/resumption.ts',
    find: 'record.tokens.slice(0, 1)',
    replace: 'record.tokens',
  },
  {
    name: 'the older connection stays',
    why: 'a newer connection takes the place of the older',
    file: 'lib/server/session/transport.ts',
    find: 'older.close(CloseCode.SUPERSEDED',
    replace: 'void (older.close, CloseCode.SUPERSEDED',
  },
  {
    name: 'no heartbeat',
    why: 'who is silent for too long is gone',
    file: 'lib/session/heartbeat.ts',
    find: 'silence.quiet >= 4',
    replace: 'silence.quiet < 0',
  },
  {
    name: 'wait for ever for a welcome',
    why: 'a handshake comes to its end in time',
    file: 'lib/session/connection.ts',
    find: 'after(options.helloTimeout',
    replace: 'after(Infinity',
  },
  {
    name: 'a ping that hides the tail',
    why: 'a ping tells what was sent',
    file: 'lib/session/endpoint.ts',
    find: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.tail)),",
    replace: "ping: () => this.#connection?.send(controlFrame('ping', 0)),",
  },
  {
    name: 'a ping that tells too much',
    why: 'a ping tells what was sent over its own connection',
    file: 'lib/session/endpoint.ts',
    find: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.tail)),",
    replace: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.sent)),",
  },
  {
    name: 'a token that a crash revives',
    why: 'that the next token was used is stored',
    file: 'lib/server/session/handshakeResponder.ts',
    find: 'this.#whenRead(() => this.#remember(() => this.#enter(connection, agreement, endpoint)));',
    replace: 'this.#whenRead(() => this.#enter(connection, agreement, endpoint));',
  },
];
