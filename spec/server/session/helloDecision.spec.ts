import { CloseCode } from '../../../lib/message/closeCode.js';
import { decideHello, type HelloFacts } from '../../../lib/server/session/helloDecision.js';

const { SUPERSEDED, FORBIDDEN, TRY_AGAIN_LATER, UNSUPPORTED_DATA } = CloseCode;
const alone = { hasInbox: false, isClaiming: false };
const shared = { hasInbox: true, isClaiming: false };
/** A client that has no session. */
const client = (refusal?: CloseCode, isConnected = false) => ({ client: { refusal, isConnected } });
const session = (refusal: CloseCode | undefined, hasLease: boolean, isRenewed: boolean) => ({ session: { refusal, hasLease, isRenewed } });

/** Returns a decision as a short text. */
function decided(facts: HelloFacts): string {
  const decision = decideHello(facts);
  if (decision.kind === 'refuse') return `refuse ${decision.code}`;
  return decision.kind === 'wait' ? `wait for the ${decision.for}` : decision.kind;
}

describe('decideHello', () => {
  it.each<[string, string, HelloFacts]>([
    ['a new client', 'accept', { ...alone, ...client() }],
    ['a client that the server remembers, and that refuses', `refuse ${FORBIDDEN}`, { ...alone, ...client(FORBIDDEN) }],
    ['no common codec', `refuse ${UNSUPPORTED_DATA}`, { ...alone, ...client(UNSUPPORTED_DATA) }],
    ['a session', 'resume', { ...alone, ...session(undefined, false, false) }],
    ['a session that refuses', `refuse ${FORBIDDEN}`, { ...alone, ...session(FORBIDDEN, false, false) }],
  ])('without an inbox: %s → %s', (_, expected, facts) => expect(decided(facts)).toBe(expected));

  it.each<[string, string, HelloFacts]>([
    ['a new client', 'wait for the claim', { ...shared, ...client() }],
    ['a new client whose earlier hello is handled', `refuse ${TRY_AGAIN_LATER}`, { ...shared, ...client(), isClaiming: true }],
    ['an earlier hello of a client with a welcome', `refuse ${SUPERSEDED}`, { ...shared, ...client(SUPERSEDED) }],
    ['no common codec', `refuse ${UNSUPPORTED_DATA}`, { ...shared, ...client(UNSUPPORTED_DATA) }],
    ['a wrong token, while the client is away', 'wait for the claim', { ...shared, ...client(TRY_AGAIN_LATER) }],
    ['a wrong token, while the client is here', 'wait for the record', { ...shared, ...client(TRY_AGAIN_LATER, true) }],
    ['… and no record', `refuse ${TRY_AGAIN_LATER}`, { ...shared, ...client(TRY_AGAIN_LATER, true), isStored: false }],
    ['… and a record', 'wait for the claim', { ...shared, ...client(TRY_AGAIN_LATER, true), isStored: true }],
    ['a session', 'wait for the renewal', { ...shared, ...session(undefined, true, false) }],
    ['a session that is renewed', 'resume', { ...shared, ...session(undefined, true, true), isFenced: false }],
    ['a renewed session that refuses', `refuse ${FORBIDDEN}`, { ...shared, ...session(FORBIDDEN, true, true), isFenced: false }],
    ['a fenced session that has not ended', `refuse ${TRY_AGAIN_LATER}`, { ...shared, ...session(undefined, true, true), isFenced: true }],
    ['a fenced session that has ended', 'wait for the claim', { ...shared, ...client(), isFenced: true }],
    ['… but another hello is handled', `refuse ${TRY_AGAIN_LATER}`, { ...shared, ...client(), isClaiming: true, isFenced: true }],
    ['a renewed session that has ended', `refuse ${TRY_AGAIN_LATER}`, { ...shared, ...client(), isFenced: false }],
    [
      'another session in place of the renewed',
      `refuse ${TRY_AGAIN_LATER}`,
      { ...shared, ...session(undefined, true, false), isFenced: false },
    ],
  ])('with an inbox: %s → %s', (_, expected, facts) => expect(decided(facts)).toBe(expected));

  it.each<[string, string, HelloFacts['claim'], CloseCode | undefined]>([
    ['the row refuses', `refuse ${FORBIDDEN}`, { refusal: FORBIDDEN, isKnown: true }, undefined],
    ['the row has a record', 'restore', { refusal: undefined, isKnown: true }, TRY_AGAIN_LATER],
    ['the row has none', 'accept', { refusal: undefined, isKnown: false }, undefined],
    ['the row has none, and the memory refuses', `refuse ${TRY_AGAIN_LATER}`, { refusal: undefined, isKnown: false }, TRY_AGAIN_LATER],
  ])('with the answer to a claim: %s → %s', (_, expected, claim, refusal) =>
    expect(decided({ ...shared, ...client(refusal), isClaiming: true, claim })).toBe(expected),
  );
});
