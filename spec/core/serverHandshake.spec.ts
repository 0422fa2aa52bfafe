import { readHello, ServerHandshake } from '../../lib/core/serverHandshake.js';
import type { ClientRecord } from '../../lib/core/storedTypes.js';
import { OPTIONS } from './coreHarness.js';

const [codec] = OPTIONS.codecs;
const sid = 's'.repeat(22);
const record: ClientRecord = {
  ...{ epoch: 1, n: 1, sid, codec: 'test', token: 'token', former: undefined, isConfirmed: true, hasBegun: false },
};
const hello = readHello(
  JSON.stringify([
    'hello',
    {
      ...{ v: 1, pid: 'p'.repeat(22), epoch: 1, n: 2, sid, rt: 't'.repeat(43), rx: 3, window: 8, bytes: 1_000, codecs: ['test'] },
      ...{ id: 'client', delivery: 'exactly-once' },
    },
  ]),
);

describe('the welcome that is prepared with a claim', () => {
  it('is the one that is sent', () => {
    const handshake = new ServerHandshake(OPTIONS);
    const prepared = handshake.prepare(record, hello, codec!);
    handshake.record = record;
    expect(handshake.welcome(hello, codec!, 0, 0, undefined)).toContain(`"rt":"${prepared.token}"`);
    expect([handshake.record, handshake.isPrepared]).toEqual([prepared, true]);
    // A session does not keep the hello.
    handshake.confirm(-1, 0, codec!);
    expect(handshake.prepared).toBeUndefined();
  });

  it('follows what another server has stored before the inbox decides again', () => {
    const handshake = new ServerHandshake(OPTIONS);
    expect(handshake.prepare(record, hello, codec!).hasBegun).toBe(false);
    // The other server has received the answer to its welcome: the client has messages of it.
    expect(handshake.prepare({ ...record, hasBegun: true }, hello, codec!).hasBegun).toBe(true);
  });

  it('leaves the handshake without a record: the inbox may forget the client before it decides again', () => {
    const handshake = new ServerHandshake(OPTIONS);
    handshake.prepare(record, hello, codec!);
    expect(handshake.record).toBeUndefined();
  });
});
