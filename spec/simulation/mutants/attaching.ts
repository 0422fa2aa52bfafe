import type { Mutant } from './mutant.js';

/** What goes wrong about who is connected, and whether. */
export const ATTACHING: readonly Mutant[] = [
  {
    name: 'no fencing by epoch',
    why: 'only the latest owner of an outbox may write',
    file: 'lib/server/session/resumption.ts',
    find: '!isEarlier(record, { epoch, n })',
    replace: 'epoch === record.epoch && n <= record.n',
  },
  {
    name: 'no fencing by n',
    why: 'only the latest connection of a client is valid',
    file: 'lib/server/session/resumption.ts',
    find: '!isEarlier(record, { epoch, n })',
    replace: 'epoch < record.epoch',
  },
  {
    name: 'accept any token',
    why: 'only the holder of the token may return',
    file: 'lib/server/session/resumption.ts',
    find: '![rt, ...former].some((token) => isAmong(record.tokens, token))',
    replace: '!digest(rt)',
  },
  {
    name: 'accept old tokens',
    why: 'a token is not valid after the next one was used',
    file: 'lib/server/session/resumption.ts',
    find: 'record.tokens.slice(0, 1)',
    replace: 'record.tokens',
  },
  {
    name: 'keep the older connection',
    why: 'a newer connection replaces the older one',
    file: 'lib/server/session/transport.ts',
    find: 'older.close(CloseCode.SUPERSEDED',
    replace: 'void (older.close, CloseCode.SUPERSEDED',
  },
  {
    name: 'no heartbeat',
    why: 'a peer that is silent for too long is considered dead',
    file: 'lib/session/heartbeat.ts',
    find: 'silence.quiet >= 4',
    replace: 'silence.quiet < 0',
  },
  {
    name: 'wait for a welcome without a limit',
    why: 'a handshake ends in time',
    file: 'lib/session/connection.ts',
    find: 'after(options.helloTimeout',
    replace: 'after(Infinity',
  },
  {
    name: 'a ping without the last numbers',
    why: 'a ping has the highest number that was sent',
    file: 'lib/session/endpoint.ts',
    find: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.tail)),",
    replace: "ping: () => this.#connection?.send(controlFrame('ping', 0)),",
  },
  {
    name: 'a ping with the numbers of other connections',
    why: 'a ping has the highest number of its own connection',
    file: 'lib/session/endpoint.ts',
    find: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.tail)),",
    replace: "ping: () => this.#connection?.send(controlFrame('ping', this.sender.inFlight.sent)),",
  },
  {
    name: 'accept an old token after a crash',
    why: 'the use of the next token is stored',
    file: 'lib/server/session/handshakeResponder.ts',
    find: 'this.#whenRead(() => this.#remember(() => this.#enter(connection, agreement, endpoint)));',
    replace: 'this.#whenRead(() => this.#enter(connection, agreement, endpoint));',
  },
];
