import { json } from '../../../lib/codec/json.js';
import type { SessionFrame } from '../../support/protocol/frames.js';
import { helloFrame, welcomeFrame } from '../../support/sessionFrames.js';
import { readFrame } from '../../support/protocol/frames.js';
import { createJournal } from '../journal.js';
import type { Connection } from '../network.js';
import { createNumberChecks } from './numbers.js';

const PID = 'p'.repeat(22);
const connection = (client: string, server: string) =>
  ({ ends: { client: { life: { name: client } }, server: { life: { name: server } } } }) as Connection;
const skip = (...numbers: readonly number[]): SessionFrame => ({ kind: 'skip', numbers });
const batch = (first: number): SessionFrame => ({ kind: 'msg', first, count: 1, body: '{}', wait: 0 });

/** Checks, and two processes that have one client's outbox, one after the other. */
function start(isSlow = false) {
  const broken: string[] = [];
  const checks = createNumberChecks({
    ...{ codec: json(), journal: createJournal(), now: () => 0, receiverOf: ({ ends }) => ends.client.life.name },
    hasForgotten: () => true,
    onSetAside: () => undefined,
    isSlow: () => isSlow,
    violate: (invariant) => broken.push(invariant),
  });
  const shake = (on: Connection, epoch: number, known: boolean, rx = 0): void => {
    checks.sent(on, 'client', readFrame(helloFrame({ pid: PID, epoch })));
    checks.sent(on, 'server', readFrame(welcomeFrame({ rx, known, window: 4 })));
  };
  /** The client skips all numbers up to this one, and they are acked. */
  const acked = (on: Connection, upTo: number): void => {
    const numbers = Array.from({ length: upTo }, (_, index) => index + 1);
    checks.sent(on, 'client', skip(...numbers));
    checks.taken(on, 'server', skip(...numbers));
    checks.sent(on, 'server', { kind: 'ack', done: upTo, credit: 4, delay: 0 });
    checks.taken(on, 'client', { kind: 'ack', done: upTo, credit: 4, delay: 0 });
  };
  return { broken, shake, acked, sends: (on: Connection, number: number) => checks.sent(on, 'client', batch(number)) };
}

describe('the simulation, of the window', () => {
  it('accepts a process that continues from its own acks, although another process had its outbox since', () => {
    const { broken, shake, acked, sends } = start();
    const mine = connection('client 2', 'server 1');
    shake(mine, 2, true);
    acked(mine, 20);
    // The former owner of the outbox meets a server that has forgotten all.
    shake(connection('client 1', 'server 2'), 1, false);
    sends(mine, 21);
    expect(broken).toEqual([]);
  });

  it('starts the next owner of an outbox with the last ack of the former one', () => {
    const { broken, shake, acked, sends } = start();
    const former = connection('client 2', 'server 1');
    shake(former, 2, true);
    acked(former, 20);
    shake(connection('client 1', 'server 1'), 1, false);
    const next = connection('client 3', 'server 1');
    shake(next, 3, true, 20);
    sends(next, 21);
    expect(broken).toEqual([]);
  });

  it('binds a process to its own acks', () => {
    const { broken, shake, acked, sends } = start();
    const mine = connection('client 1', 'server 1');
    shake(mine, 1, true);
    acked(mine, 20);
    for (const number of [21, 22, 23, 24]) sends(mine, number);
    expect(broken).toEqual([]);
    sends(mine, 25);
    expect(broken).toEqual(['window']);
  });

  it.each([
    ['not read', true, []],
    ['read', false, ['resent']],
  ])('treats an ack that has arrived at a sender as %s, where decoding is slow: %s', (_, isSlow, expected) => {
    const { broken, shake, acked, sends } = start(isSlow);
    const mine = connection('client 1', 'server 1');
    shake(mine, 1, true);
    sends(mine, 1);
    acked(mine, 3);
    sends(mine, 2);
    expect(broken).toEqual(expected);
  });
});
