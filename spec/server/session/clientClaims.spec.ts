import { knownClientIn, storedClientOf } from '../../../lib/server/session/clientClaims.js';
import { digestOf } from '../../../lib/server/nodePlatform.js';

const record = {
  ...{ epoch: 2, n: 3, sid: 's'.repeat(22), codec: 'json', isConfirmed: true, hasBegun: true },
  ...{ token: digestOf('new'), former: digestOf('old') },
};
const cursor = { done: 0, finished: [] };

describe('the record of a client in an inbox', () => {
  it.each([undefined, 'ann'])('is read as it was written, with the principal %s', (owner) => {
    expect(knownClientIn({ cursor, session: storedClientOf(record, owner) })).toEqual({ record, owner });
    const confirmed = { ...record, former: undefined };
    expect(knownClientIn({ cursor, session: storedClientOf(confirmed, owner) })).toEqual({ record: confirmed, owner });
  });

  it('has the latest hello: a session that ended before its handshake has stored only the claim', () => {
    const session = storedClientOf(record, undefined);
    expect(knownClientIn({ cursor, session, claim: { owner: 'o', epoch: 2, n: 9 } })?.record).toEqual({ ...record, n: 9 });
    expect(knownClientIn({ cursor, session, claim: { owner: 'o', epoch: 1, n: 9 } })?.record).toEqual(record);
  });

  it('may be one of an earlier version, without a codec', () => {
    const session = { ...storedClientOf(record, undefined), codec: undefined };
    expect(knownClientIn({ cursor, session })?.record).toEqual({ ...record, codec: '' });
  });

  it.each([undefined, null, 'text', 7, {}, { sid: 1, token: '', epoch: 1, n: 1 }, { sid: 's', token: ['no'], epoch: 1, n: 1 }])(
    'counts for nothing if it is malformed: %j',
    (session) => expect(knownClientIn({ cursor, session })).toBeUndefined(),
  );

  it('holds no token that could be shown, if its tokens are malformed', () => {
    const session = { ...storedClientOf(record, undefined), token: 'short', former: 5 };
    expect(knownClientIn({ cursor, session })?.record).toMatchObject({ token: '', former: undefined });
  });
});
