import { asapScheduler, observeOn, of } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import type { ServeOptions } from '../../lib/server/serve.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { record } from '../support/record.js';
import { type BatchFrame, readFrame } from '../support/protocol/frames.js';
import { fieldsOf, helloFrame, secret } from '../support/sessionFrames.js';
import { startVirtual, turns } from './virtual.js';

/** An inbox that takes a moment to store who a client is. */
function slowInbox(): Inbox {
  const inbox = fakeInbox();
  return { ...inbox, remember: (...args) => of(inbox.remember(...args)).pipe(observeOn(asapScheduler)) as never };
}

const stop: (() => void)[] = [];

/**
 * A client that was sent the messages 1 to 4, has accepted 1 and 2, and opens another connection. Number 3 was finished before a restart of the
 * client: its first ack tells of more than its hello.
 */
async function resumed(options: ServeOptions) {
  const server = startVirtual(options);
  stop.push(server.stop);
  const pid = secret();
  const first = await server.enter({ pid, delivery: 'exactly-once' });
  const [wire] = server.wires;
  const receipts = record(wire!.receipts$);
  for (const id of ['a', 'b', 'c', 'd']) {
    wire!.next(createMessage('test.any', null, { id }));
    await turns();
  }
  first.close(1006);
  const { sid, rt } = first.welcome;
  const again = server.dial(helloFrame({ pid, delivery: 'exactly-once', n: 2, sid, rt, rx: 2 }));
  const [welcome] = await again.frames.take(1);
  expect(fieldsOf(welcome)).toMatchObject({ resumed: true });
  const outcomes = () =>
    receipts.values.filter(({ status }) => status === 'acked' || status === 'dead').map(({ id, status }) => [id, status]);
  const sent = () =>
    again.frames.values.filter((frame) => /^\["(ack)?msg"/.test(String(frame))).map((frame) => (readFrame(frame) as BatchFrame).first);
  return { ...again, server, outcomes, sent };
}

describe.each([
  ['at once', {}],
  ['after a moment', { inbox: slowInbox() }],
])('a client whose first ack covers more than its hello, where the server stores the client %s', (_, options: ServeOptions) => {
  afterEach(() => stop.splice(0).forEach((end) => end()));

  it('does not receive acked messages again', async () => {
    const { send, sent } = await resumed(options);
    send('["ack",3,1024]');
    await turns();
    expect(sent()).toEqual([4]);
  });

  it('has forgotten nothing: no message of the server is given up', async () => {
    const { send, outcomes } = await resumed(options);
    send('["ack",3,1024]');
    await turns();
    send('["ack",4,1024]');
    await turns();
    expect(outcomes()).toEqual(['a', 'b', 'c', 'd'].map((id) => [id, 'acked']));
  });

  it('is closed when it acks unsent messages', async () => {
    const { send, code, server, outcomes } = await resumed(options);
    send('["ack",5,1024]');
    expect(await code).toBe(4400);
    expect(server.errors.map(({ text }) => text)).toContain('the peer violated the protocol: an ack covers unsent messages');
    expect(outcomes().filter(([, status]) => status === 'acked')).toEqual([]);
  });
});
