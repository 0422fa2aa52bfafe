import { readFileSync } from 'node:fs';
import {
  ConnectionLostError,
  MessageDroppedError,
  ReconnectGivenUpError,
  RxwireError,
  SessionLostError,
} from '../../../lib/message/errors.js';
import { messageWith, textOf } from '../../../lib/message/errors/rxwireError.js';
import type { ErrorCode } from '../../../lib/message/errors/errorCode.js';

const codes = readFileSync('lib/message/errors/errorCode.ts', 'utf8').match(/(?<=\| ')ERR_[A-Z_]+/g) as ErrorCode[];
const headings = readFileSync('docs/errors.md', 'utf8').match(/^## ERR_.*$/gm) ?? [];

describe('RxwireError', () => {
  it('ends its message with the address of the heading of its code', () => {
    expect(codes.length).toBeGreaterThan(30);
    const anchors = codes.map((code) => /#(\w+)\)$/.exec(new RxwireError(code).message)?.[1]);
    expect(anchors.sort()).toEqual(headings.map((heading) => heading.slice(3).toLowerCase()).sort());
    expect(new SessionLostError().message).toMatch(/ \(see rxwire\/docs\/errors\.md#err_session_lost\)$/);
  });

  it('has the sentence alone in its text', () => {
    const error = new ConnectionLostError(4401, 'not accepted (see the manual)');
    expect(error.text).toBe('the connection ended (4401): not accepted (see the manual)');
    expect(error.message).toBe(`${error.text} (see rxwire/docs/errors.md#err_connection_lost)`);
    expect([textOf(error), textOf(new Error('boom'))]).toEqual([error.text, 'boom']);
  });

  it('has one address, at the end, when it contains the sentence of another error', () => {
    const lost = new ConnectionLostError(1006, 'gone');
    const end = ' (see rxwire/docs/errors.md#err_reconnect_given_up)';
    expect(new ReconnectGivenUpError(3, lost).message).toBe(`the wire did not reconnect: attempt 3 was the last one: ${lost.text}${end}`);
    const dropped = new MessageDroppedError('m1', 'closed');
    dropped.explain(lost);
    expect(dropped.message).toBe(`the message m1 was dropped: the wire has ended (${lost.text}) (see rxwire/docs/errors.md#err_dropped)`);
    expect(dropped.text).toBe(`the message m1 was dropped: the wire has ended (${lost.text})`);
    expect(messageWith(lost, new Error('no route'))).toBe(
      'the connection ended (1006): gone: no route (see rxwire/docs/errors.md#err_connection_lost)',
    );
    expect(messageWith(lost, dropped)).toBe(`${lost.text}: ${dropped.text} (see rxwire/docs/errors.md#err_dropped)`);
  });
});
