import { isObservable, of, Subscription } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import type { Outgoing } from '../../../lib/core/outgoing.js';
import { HEADER_ROOM } from '../../../lib/core/frameFormat.js';
import type { SessionCore } from '../../../lib/core/sessionCore.js';
import { callCodec, encodeErrorOf, HostCodec } from '../../../lib/wire/session/hostCodec.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { boundCodec } from '../../support/boundCodec.js';
import { scopedWait } from '../../../lib/wire/session/scopedWait.js';

describe('encodeErrorOf', () => {
  it('returns the size of a message that an asynchronous codec has encoded for a small frame', () => {
    const plain = json();
    const late = { ...plain, encode: (...all: Parameters<typeof plain.encode>) => of(plain.encode(...all) as string) };
    const codec = new HostCodec(late, 'to-client', { pid: 'p' });
    const message = createMessage('test.item', 'x'.repeat(500));
    const outgoing = { codec, maxFrame: 400 } as unknown as Outgoing;
    const core = { outgoing, encoded: () => undefined } as unknown as SessionCore;
    const host = { now: 0, answer: (input: (core: SessionCore) => void) => input(core) };
    expect(isObservable(codec.encodeMaybe([message], 1))).toBe(true);
    callCodec({ kind: 'encode', id: 1, codec, messages: [message], first: 1 }, host, scopedWait(new Subscription()));
    expect(encodeErrorOf(message, 'json', outgoing)).toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' });
  });

  it('tells that a message was too large, also if it would fit under another number', () => {
    const codec = new HostCodec(boundCodec(), 'to-client', { pid: 'p' });
    const message = createMessage('test.item', null);
    const { length } = codec.encode([message], 1);
    const outgoing = { codec, maxFrame: length + HEADER_ROOM } as unknown as Outgoing;
    expect(codec.encode([message], 10)).toHaveLength(length + 1);
    expect(encodeErrorOf(message, 'bound', outgoing)).toMatchObject({ code: 'ERR_FRAME_TOO_LARGE', size: length + 1, limit: length });
  });
});
