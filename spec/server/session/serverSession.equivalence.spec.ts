import { firstValueFrom, Subject } from 'rxjs';
import { messageState } from '../../../lib/operators/sending/messageState.js';
import { json } from '../../../lib/codec/json.js';
import type { BatchContext, Codec } from '../../../lib/codec/codec.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { Principal } from '../../../lib/server/principal.js';
import { batch, fieldsOf, helloFrame, secret } from '../../support/sessionFrames.js';
import { turns } from '../virtual.js';
import { enterSession, idsIn } from './enterSession.js';

const message = (id: string, fields: object = {}): Message => createMessage('test.any', null, { id, ...fields });
/** The begin of a batch whose ack must go at once. An awake session that has nothing to ack sends it without an ack of its own. */
const ACKED_AT_ONCE = /^\["(msg"|ackmsg",0,1024,0,0),1,1,/;
const namesOf = (prefix: string, count: number): readonly string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

describe('a session at a server', () => {
  let stop: (() => void) | undefined;
  afterEach(() => stop?.());

  const enter = async (options: object = {}, fields: object = {}) => {
    const entered = await enterSession({ pingInterval: 1_000, ...options }, fields);
    ({ stop } = entered.server);
    return entered;
  };

  it('sends a message once that the application sends twice in one go', async () => {
    const { wire, sent } = await enter();
    wire.next(message('a'));
    wire.next(message('a'));
    expect(idsIn(await sent())).toEqual(['a']);
  });

  it('sends a message once that the application sends again while it is in flight', async () => {
    const { wire, sent } = await enter();
    wire.next(message('a'));
    await turns();
    wire.next(message('a'));
    expect(idsIn(await sent())).toEqual(['a']);
  });

  it('sends messages of a higher priority first', async () => {
    const { wire, sent } = await enter();
    wire.next(message('low', { priority: 0 }));
    wire.next(message('high', { priority: 3 }));
    expect(idsIn(await sent())).toEqual(['high', 'low']);
  });

  it('sends 600 messages of one go in order', async () => {
    const { wire, sent } = await enter();
    const ids = namesOf('m', 600);
    for (const id of ids) wire.next(message(id));
    expect(idsIn(await sent())).toEqual(ids);
  });

  it('requests the ack of a large frame at once', async () => {
    const { wire, sent } = await enter();
    wire.next(createMessage('test.any', 'x'.repeat(20_000)));
    expect(await sent()).toEqual([expect.stringMatching(ACKED_AT_ONCE)]);
  });

  it('requests the ack at once when a quarter of the window bytes of the client are in flight', async () => {
    const { wire, sent } = await enter({}, { bytes: 8_000 });
    wire.next(createMessage('test.any', 'x'.repeat(3_000)));
    expect(await sent()).toEqual([expect.stringMatching(ACKED_AT_ONCE)]);
  });

  it('measures the latency of acks', async () => {
    const { wire, send, server } = await enter();
    wire.next(message('a'));
    await turns();
    await server.pass(7);
    send('["ack",1,1024]');
    await turns();
    expect(wire.state.metrics.latency).toBe(7);
  });

  it('subtracts the delay that an ack reports from the latency', async () => {
    const { wire, send, server } = await enter();
    wire.next(message('a'));
    await turns();
    await server.pass(17);
    send('["ack",1,1024,10]');
    await turns();
    expect(wire.state.metrics.latency).toBe(7);
  });

  it('does not report a message as queued again after it was sent', async () => {
    const { wire, send } = await enter();
    wire.next(message('a'));
    await turns();
    const statuses: string[] = [];
    messageState(wire, 'a').subscribe(({ status }) => statuses.push(status));
    send('["ack",1,1024]');
    await turns();
    expect(statuses).toEqual(['sent', 'acked']);
  });

  it('closes the connection after three bad frames in a row, 100 ms apart', async () => {
    const { send, code, server } = await enter();
    for (let count = 0; count < 3; count++) {
      send('["msg",0,1,{"bad":1}]');
      await server.pass(100);
    }
    expect(await code).toBe(4_400);
  });

  it('passes the context of the batch to a codec that takes one', async () => {
    const plain = json();
    const encode = (messages: readonly Message[], context?: BatchContext): string =>
      JSON.stringify({ signature: `${context?.pid.length}:${context?.first}`, body: plain.encode(messages) });
    const { wire, sent } = await enter({ codecs: [{ ...plain, encode } satisfies Codec] });
    wire.next(message('a'));
    expect(await sent()).toEqual([expect.stringContaining('"signature":"32:1"')]);
  });

  it('sends an ack that the rate limit held back', async () => {
    const { send, sent, server } = await enter({ pingInterval: 100_000, rateLimit: { perSecond: 2, burst: 20 } });
    const withAck = (wait: number, frame: string): string => frame.replace('["msg"', `["ackmsg",0,1024,${wait},0`);
    send(withAck(0, batch(1, ...namesOf('a', 10))));
    await server.pass(10);
    // The limit holds back the ack of some of these, and the client lets acks wait 5 s.
    send(withAck(250, batch(11, ...namesOf('b', 15))));
    for (let count = 0; count < 60; count++) await server.pass(200);
    expect((await sent()).filter((frame) => frame.startsWith('["ack"')).at(-1)).toMatch(/^\["ack",25,/);
  });

  it('answers a reauthentication that takes its time', async () => {
    const renewed$ = new Subject<Principal>();
    const authenticate = ({ token }: { readonly token?: string | undefined }) =>
      token === 'first' ? { id: 'p' } : firstValueFrom(renewed$);
    const { send, sent, server } = await enter({ authenticate }, { token: 'first' });
    send('["auth","second"]');
    await turns();
    await server.pass(100);
    renewed$.next({ id: 'p' });
    expect(await sent()).toEqual([expect.stringMatching(/^\["auth"/)]);
  });

  it('sends messages accepted during the loss of the connection when the client returns', async () => {
    const pid = secret();
    const { wire, welcome, close, server } = await enter({}, { pid });
    wire.next(message('a'));
    await turns();
    wire.next(message('b'));
    close(1_006);
    await turns();
    const { sid, rt } = welcome;
    const again = server.dial(helloFrame({ pid, n: 2, sid, rt, rx: 1 }));
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ resumed: true });
    again.send('["ack",1,1024]');
    await turns();
    expect(idsIn(again.frames.values.slice(1))).toEqual(['b']);
  });
});
