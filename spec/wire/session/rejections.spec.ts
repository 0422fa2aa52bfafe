import { of, Subject } from 'rxjs';
import type { Frame, Link } from '../../../lib/io/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve } from '../../../lib/server/serve.js';
import { claim } from '../../../lib/wire/session/messageClaim.js';
import type { Rejection } from '../../../lib/core/rejection.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { eventually } from '../../support/eventually.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { rawEnd } from '../../support/rawEnd.js';
import { record } from '../../support/record.js';
import { batch, helloFrame } from '../../support/sessionFrames.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';

const message = (id: string): Message => createMessage('test.any', null, { id });
const REFUSED: Rejection = { kind: 'refused', code: 'ERR_CHANNEL_REFUSED', reason: 'the quota of today is used up' };
const BURIED: Rejection = { kind: 'dead-lettered', code: 'ERR_HANDLER', reason: 'no tea' };

describe('the rejection of a message', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  /** A client and a server whose application rejects the messages with these ids. */
  function start(rejected: Readonly<Record<string, Rejection>>, options: PairOptions = {}) {
    const got: string[] = [];
    const reject = (wire: Wire): void => {
      wire.subscribe((one) => {
        got.push(one.id);
        const rejection = rejected[one.id];
        claim(one)?.end(rejection ? { rejection } : {});
      });
    };
    const both = pair({ ...options, onServerWire: reject });
    const receipts = record(both.wire.receipts$);
    const errors = record(both.wire.errors$);
    cleanups.push(both.close);
    const last = (): readonly unknown[] => receipts.values.filter(({ status }) => status !== 'queued' && status !== 'sent');
    return { ...both, got, last, errors, send: (...ids: readonly string[]) => ids.forEach((id) => both.wire.next(message(id))) };
  }

  it('is the outcome of that message alone, in one batch with others', async () => {
    const { send, last, errors, got } = start({ b: REFUSED, c: BURIED });
    send('a', 'b', 'c', 'd');
    await eventually(() => expect(last()).toHaveLength(4));
    expect(last()).toMatchObject([
      { id: 'a', status: 'acked', outcome: 'processed' },
      {
        id: 'b',
        status: 'refused',
        error: { code: 'ERR_REFUSED', remoteCode: 'ERR_CHANNEL_REFUSED', reason: 'the quota of today is used up' },
      },
      { id: 'c', status: 'acked', outcome: 'dead-lettered' },
      { id: 'd', status: 'acked', outcome: 'processed' },
    ]);
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_REFUSED']);
    expect(got).toEqual(['a', 'b', 'c', 'd']);
  });

  it('makes send() reject, and calls onDead', async () => {
    const dead: string[] = [];
    const { wire } = start({ a: REFUSED }, { client: { onDead: ({ id }) => dead.push(id) } });
    await expect(wire.send(message('a'))).rejects.toMatchObject({ code: 'ERR_REFUSED', id: 'a' });
    expect(await wire.send(message('b'))).toMatchObject({ status: 'acked', outcome: 'processed' });
    expect(dead).toEqual(['a']);
  });

  it('arrives over the next connection when the one it was sent over is lost', async () => {
    const { send, last, silence, cut, got } = start({ b: REFUSED });
    send('a');
    await eventually(() => expect(last()).toHaveLength(1));
    send('b');
    // The client sends in the next microtask; nothing comes back.
    await eventually(() => expect(got).toContain('b'));
    silence(true);
    cut();
    silence(false);
    send('c');
    await eventually(() => expect(last()).toHaveLength(3));
    expect(last().slice(1)).toMatchObject([
      { id: 'b', status: 'refused' },
      { id: 'c', status: 'acked' },
    ]);
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it('survives a restart of the server before its client has received it', async () => {
    const inbox = fakeInbox();
    const { send, last, restart, silence, got } = start({ b: REFUSED, c: BURIED }, { server: { inbox } });
    send('a');
    await eventually(() => expect(last()).toHaveLength(1));
    silence(true);
    send('b', 'c');
    // Nothing arrives at either side until the silence ends.
    silence(false);
    await eventually(() => expect(inbox.commits.at(-1)?.cursor.done).toBe(3));
    restart();
    send('d');
    await eventually(() => expect(last()).toHaveLength(4));
    expect(last().slice(1)).toMatchObject([
      { id: 'b', status: 'refused' },
      { id: 'c', status: 'acked', outcome: 'dead-lettered' },
      { id: 'd', status: 'acked', outcome: 'processed' },
    ]);
    expect(got).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is stored until its sender has the ack, and not with each later message', async () => {
    const inbox = fakeInbox();
    const { wire, last, send } = start({ a: REFUSED }, { server: { inbox, window: 10 } });
    send('a');
    await eventually(() => expect(last()).toHaveLength(1));
    for (let sent = 0; sent < 600; sent++) await wire.send(message(`m${sent}`));
    expect(inbox.commits.filter(({ cursor }) => cursor.rejections).length).toBeLessThan(400);
    expect(inbox.commits.at(-1)?.cursor).toEqual({ done: 601, finished: [] });
  });

  it('is sent once over a connection, also when its receiver is idle in between', async () => {
    const [end, link] = rawEnd();
    const serving = serve(of(link)).subscribe((one) => one.subscribe((got) => claim(got)?.end({ rejection: REFUSED })));
    cleanups.push(() => serving.unsubscribe());
    end.send(helloFrame());
    await end.frames.take(1);
    for (let number = 1; number <= 4; number++) {
      end.send(batch(number, `m${number}`));
      await eventually(() => expect(end.frames.values.at(-1)).toMatch(new RegExp(`^\\["ack",${number},1024,\\d+,${number}\\]$`)));
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const rejects = end.frames.values.filter((frame) => typeof frame === 'string' && frame.startsWith('["reject"'));
    expect(rejects.map((frame) => (String(frame).match(/ERR_CHANNEL_REFUSED/g) ?? []).length)).toEqual([1, 1, 1, 1]);
  });

  it('goes from client to server, too, also to a session that is idle in between', async () => {
    const both = pair();
    cleanups.push(both.close);
    both.wire.subscribe((one) => claim(one)?.end(one.id === 'b' ? { rejection: REFUSED } : {}));
    const served = await both.serverWire();
    const failed = record(served.failures$);
    served.subscribe();
    for (const id of ['a', 'b', 'c']) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      served.next(message(id));
    }
    expect((await failed.take(1))[0]).toMatchObject({ id: 'b', status: 'refused' });
    await eventually(() => expect(served.isPending('c')).toBe(false));
    expect(failed.values).toHaveLength(1);
  });

  it('goes in several frames where one would be larger than the sender of the messages accepts', async () => {
    const links$ = new Subject<Link<Frame>>();
    const running = serve(links$).subscribe((wire) => {
      wire.subscribe((one) => claim(one)?.end({ rejection: { ...REFUSED, reason: 'ä'.repeat(one.id === 'm0' ? 200 : 40) } }));
    });
    cleanups.push(() => running.unsubscribe());
    const [end, link] = rawEnd();
    links$.next(link);
    end.send(helloFrame({ limits: { maxFrame: 420 } }));
    await end.frames.take(1);
    end.send('["ack",0,1024]', batch(1, ...Array.from({ length: 20 }, (_, index) => `m${index}`)));
    await eventually(() => expect(end.frames.values.join()).toContain('["ack",20,'));
    const rejects = end.frames.values.filter((frame) => String(frame).startsWith('["reject"'));
    const numbers = rejects.flatMap((frame) => (JSON.parse(frame as string) as [string, [number][]])[1].map(([number]) => number));
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    for (const frame of rejects) expect(Buffer.byteLength(frame as string)).toBeLessThanOrEqual(420);
    expect(rejects.length).toBeLessThan(10);
  });

  it('has no effect on an at-most-once message, whose sender does not wait for an outcome', async () => {
    const { wire, errors, got } = start({ a: REFUSED });
    expect(await wire.send({ ...message('a'), delivery: 'at-most-once' })).toMatchObject({ status: 'sent' });
    await wire.send(message('b'));
    expect([got, errors.values]).toEqual([['a', 'b'], []]);
  });
});
