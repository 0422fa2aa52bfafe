import { createMessage } from '../../../lib/message/createMessage.js';
import { batch, fieldsOf, helloFrame, secret } from '../../support/sessionFrames.js';
import { startVirtual, turns } from '../virtual.js';

const EVERY = 1_000;

/** Starts a server with a ping interval of one second on virtual time. */
function start() {
  const server = startVirtual({ pingInterval: EVERY, hibernateAfter: 20 });
  const enter = async (fields?: object) => {
    const client = await server.enter(fields);
    /** Returns the frames that have arrived since the last call. */
    let seen = 2;
    const news = async (): Promise<readonly unknown[]> => {
      await turns();
      const { values } = client.frames;
      const fresh = values.slice(seen);
      seen = values.length;
      return fresh;
    };
    return { ...client, news };
  };
  /** Each session that is awake has a timer of its own. All that hibernate share one. */
  const timers = (): number => server.scheduler.actions.length;
  return { ...server, enter, timers };
}

describe('a ServerSession that has nothing to do', () => {
  let server: ReturnType<typeof start>;
  beforeEach(() => (server = start()));
  afterEach(() => server.stop());

  /** Enters a client whose session hibernates. */
  const hibernating = async (fields?: object) => {
    const client = await server.enter(fields);
    await server.pass(50);
    expect(await client.news()).toEqual([]);
    return client;
  };

  it('hibernates, and shares one timer with all others', async () => {
    for (let count = 0; count < 10; count++) await server.enter();
    expect(server.timers()).toBe(11);
    await server.pass(50);
    expect(server.timers()).toBe(1);
    server.stop();
    expect(server.timers()).toBe(0);
  });

  it('leaves no timer when it ends awake', async () => {
    await server.enter();
    server.stop();
    expect(server.timers()).toBe(0);
  });

  it('answers a ping without waking up', async () => {
    const { send, news } = await hibernating();
    send('["ping",0]', '["ack",0,1024]');
    expect(await news()).toEqual(['["ack",0,1024]']);
    expect(server.timers()).toBe(1);
  });

  it('pings a silent client, and closes its connection after 2.5 intervals', async () => {
    const { news, frames } = await hibernating();
    await server.pass(1.5 * EVERY - 50);
    expect([await news(), frames.isOver()]).toEqual([['["ping",0]'], false]);
    await server.pass(EVERY);
    expect(await frames.ended).toMatchObject({ closeCode: 4_411 });
    expect(server.wires[0]?.state.status).toBe('reconnecting');
  });

  it('keeps the connection of a client that answers', async () => {
    const { send, frames } = await hibernating();
    for (let look = 0; look < 20; look++) {
      await server.pass(EVERY / 2);
      send('["ack",0,1024]');
    }
    expect(frames.isOver()).toBe(false);
    expect(server.timers()).toBe(1);
  });

  it('wakes up for a message, delivers it once, and hibernates again', async () => {
    const { send, news } = await hibernating();
    send(batch(1, 'a'));
    expect(await news()).toEqual(['["ack",1,1024]']);
    // Its heartbeat, and that of the next hibernation.
    expect(server.timers()).toBe(2);
    await server.pass(EVERY);
    expect(server.timers()).toBe(1);
    send('["ping",1]');
    expect(await news()).toEqual(['["ack",1,1024]']);
    send(batch(1, 'a'), batch(2, 'b'));
    expect(await news()).toEqual(['["ack",2,1024]']);
    expect(server.got).toEqual(['a', 'b']);
  });

  it('continues its numbers', async () => {
    const { send, news } = await hibernating();
    server.wires[0]?.next(createMessage('test.any', 1));
    expect(await news()).toEqual([expect.stringMatching(/^\["msg",1,1,/)]);
    send('["ack",1,1024]');
    await server.pass(EVERY);
    server.wires[0]?.next(createMessage('test.any', 2));
    expect(await news()).toEqual(expect.arrayContaining([expect.stringMatching(/^\["msg",2,1,/)]));
  });

  it('hibernates with messages in flight, and sends the unacked ones again to a client that returns', async () => {
    const pid = secret();
    const client = await server.enter({ pid });
    server.wires[0]?.next(createMessage('test.any', 'a'));
    server.wires[0]?.next(createMessage('test.any', 'b'));
    await turns();
    server.wires[0]?.next(createMessage('test.any', 'c'));
    await turns();
    await server.pass(50);
    expect(server.timers()).toBe(1);
    client.send('["ack",1,1024]');
    await turns();
    expect(server.timers()).toBe(1);
    client.close(1_006);
    await turns();
    const { sid, rt } = client.welcome;
    const again = server.dial(helloFrame({ pid, n: 2, sid, rt, rx: 1 }));
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ resumed: true });
    again.send('["ack",1,1024]');
    const [, ...frames] = await again.frames.take(3);
    expect(frames).toEqual([expect.stringMatching(/^\["msg",1,2,.*"a".*"b"/), expect.stringMatching(/^\["msg",3,1,.*"c"/)]);
    expect(server.errors).toMatchObject([{ closeCode: 1_006 }]);
  });

  it('stays awake while its client sends, and while a message in flight can expire', async () => {
    const { send } = await server.enter();
    for (let count = 1; count < 5; count++) {
      send(batch(count, String(count)));
      await server.pass(15);
    }
    expect(server.timers()).toBe(2);
    server.wires[0]?.next(createMessage('test.any', 1, { ttl: 10_000 }));
    await turns();
    await server.pass(100);
    expect(server.timers()).toBe(2);
    send('["ack",1,1024]');
    await turns();
    await server.pass(50);
    expect(server.timers()).toBe(1);
  });

  it('stays awake while messages are in flight whose receipts have a subscriber', async () => {
    const { send } = await server.enter();
    const statuses: string[] = [];
    server.wires[0]?.receipts$.subscribe(({ status }) => statuses.push(status));
    server.wires[0]?.next(createMessage('test.any', 1));
    await turns();
    await server.pass(50);
    expect(server.timers()).toBe(2);
    send('["ack",1,1024]');
    await turns();
    await server.pass(50);
    expect([statuses, server.timers()]).toEqual([['queued', 'sent', 'acked'], 1]);
  });

  it('respects the window of the client from before, and the credit of acks that came during hibernation', async () => {
    const { send, news } = await hibernating({ window: 1 });
    const send3 = (): void => [1, 2, 3].forEach((number) => server.wires[0]?.next(createMessage('test.any', number)));
    send('["ack",0,2]');
    send3();
    expect(await news()).toEqual([expect.stringMatching(/^\["msg",1,2,/)]);
    send('["ack",2,1]');
    expect(await news()).toEqual([expect.stringMatching(/^\["msg",3,1,/)]);
    send('["ack",3,1]');
    await server.pass(EVERY);
    await news();
    send3();
    expect(await news()).toEqual([expect.stringMatching(/^\["msg",4,1,/)]);
  });

  it('closes the connection with 1000 when the application completes the wire', async () => {
    const { frames, code } = await hibernating();
    server.wires[0]?.complete();
    await frames.ended;
    expect(await code).toBe(1_000);
  });

  it('ends when its client closes the connection with 1000, or with 4400', async () => {
    const [one, other] = [await hibernating(), await server.enter()];
    await server.pass(50);
    one.close();
    other.close(4_400);
    await turns();
    expect(server.wires.map(({ state }) => state.status)).toEqual(['disconnected', 'disconnected']);
    expect(server.errors).toMatchObject([{ closeCode: 4_400 }]);
    expect(server.timers()).toBe(0);
  });

  it('is resumed by a client that returns, with the messages that were sent meanwhile', async () => {
    const pid = secret();
    const { send, news, close, welcome } = await hibernating({ pid });
    send(batch(1, 'a'));
    expect(await news()).toEqual(['["ack",1,1024]']);
    await server.pass(EVERY);
    close(1_006);
    await turns();
    expect(server.wires[0]?.state.status).toBe('reconnecting');
    server.wires[0]?.next(createMessage('test.any', 'meanwhile'));
    const again = server.dial(helloFrame({ pid, n: 2, sid: welcome['sid'], rt: welcome['rt'], rx: 0 }));
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ resumed: true, rx: 1 });
    again.send('["ack",0,1024]');
    expect((await again.frames.take(3)).slice(1)).toEqual([expect.stringMatching(/^\["msg",1,1,.*meanwhile/), '["ack",1,1024]']);
    expect([server.wires.length, server.got]).toEqual([1, ['a']]);
  });

  it('closes its connection with 4409 when its client opens another', async () => {
    const pid = secret();
    const { code, welcome } = await hibernating({ pid });
    const again = server.dial(helloFrame({ pid, n: 2, sid: welcome['sid'], rt: welcome['rt'], rx: 0 }));
    expect(await code).toBe(4_409);
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ resumed: true });
  });

  it('hibernates again after its client has returned, and sends with the numbers that follow', async () => {
    const pid = secret();
    const client = await hibernating({ pid, lazyAcks: true });
    server.wires[0]?.next(createMessage('test.any', 'a'));
    await turns();
    client.close(1_006);
    await server.pass(EVERY);
    const { sid, rt } = client.welcome;
    const again = server.dial(helloFrame({ pid, n: 2, sid, rt, rx: 1, lazyAcks: true }));
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ resumed: true });
    again.send('["ack",1,1024]');
    await turns();
    await server.pass(50);
    expect(server.timers()).toBe(1);
    server.wires[0]?.next(createMessage('test.any', 'b'));
    await turns();
    expect(again.frames.values.at(-1)).toMatch(/^\["ackmsg",0,1024,1,0,2,1,.*"b"/);
  });

  it('sends the at-most-once messages of the moment in which it hibernates', async () => {
    const { news } = await server.enter();
    for (const time of [19.5, 20]) {
      const message = createMessage('test.any', null, { id: `at ${time}`, delivery: 'at-most-once' });
      server.scheduler.schedule(() => server.wires[0]?.next(message), time);
    }
    await server.pass(50);
    expect((await news()).join()).toMatch(/"at 19.5".*"at 20"/);
  });

  it('hibernates after a reauthentication that its server ignores', async () => {
    const { send } = await hibernating();
    send('["auth","token"]');
    await turns();
    expect(server.timers()).toBe(2);
    await server.pass(50);
    expect(server.timers()).toBe(1);
  });

  it.each([
    ['["ping",5]', 4_410],
    ['["ack",7,1]', 4_400],
    ['["ack",0', 4_400],
    ['["ack",0,-1]', 4_400],
    ['garbage', 4_400],
    [batch(3, 'c'), 4_410],
  ])('closes its connection for %j, with the same code as an awake session', async (frame, expected) => {
    const { send, code } = await hibernating();
    send(frame);
    expect(await code).toBe(expected);
  });

  it('reports the state and the metrics of a connected wire', async () => {
    const states: string[] = [];
    const { send } = await hibernating();
    server.wires[0]?.state$.subscribe(({ status }) => states.push(status));
    const uptime = server.wires[0]?.state.metrics.uptime ?? 0;
    for (let count = 1; count < 4; count++) {
      send(batch(count, String(count)));
      await server.pass(EVERY);
      send(`["ping",${count}]`);
    }
    expect(new Set(states)).toEqual(new Set(['connected']));
    expect(server.wires[0]?.state.metrics).toMatchObject({ uptime: uptime + 3 * EVERY, messagesReceived: 3, errors: 0 });
    expect(server.errors).toEqual([]);
  });
});
