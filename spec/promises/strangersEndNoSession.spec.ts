import { Subject } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Principal } from '../../lib/server/principal.js';
import { serve, type ServedLink, type ServeOptions } from '../../lib/server/serve.js';
import { ready } from '../support/outboxCases.js';
import type { InboxLease } from '../../lib/stores/inbox.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { rawEnd } from '../support/rawEnd.js';
import { fieldsOf, helloFrame, secret } from '../support/sessionFrames.js';
import { recordOf } from '../support/inboxes.js';

let running: { unsubscribe(): void };
afterEach(() => running.unsubscribe());

/** A server, and clients of any address that say what we say. */
function start(options: ServeOptions<Principal | undefined> = {}) {
  const links$ = new Subject<ServedLink>();
  const wires: Wire[] = [];
  const ended: Wire[] = [];
  running = serve(links$, options).subscribe((wire) => {
    wires.push(wire);
    wire.subscribe({ complete: () => ended.push(wire) });
  });
  const dial = (address: string, fields: object = {}) => {
    const [end, link] = rawEnd();
    links$.next(Object.assign(link, { address }));
    end.send(helloFrame(fields));
    return end;
  };
  /** Says hello, and confirms the welcome. */
  const enter = async (address: string, fields: object = {}) => {
    const end = dial(address, fields);
    const [welcome] = await end.frames.take(1);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    return { ...end, welcome: fieldsOf(welcome) };
  };
  return { dial, enter, wires, ended };
}

type Server = ReturnType<typeof start>;

/** A client that is away while messages wait for it. Returns a function that lets it return, and resolves with the messages that it receives. */
async function absent({ enter, dial, wires }: Server, address: string) {
  const pid = secret();
  const { close, welcome } = await enter(address, { pid });
  const wire = wires.at(-1)!;
  close(1006);
  await eventually(() => expect(wire.state.status).toBe('reconnecting'));
  for (const text of ['one', 'two', 'three']) wire.next(createMessage('test.owed', text));
  return async (): Promise<string> => {
    const { sid, rt } = welcome;
    const end = dial(address, { pid, n: 2, sid, rt, rx: 0 });
    await end.frames.take(1);
    end.send('["ack",0,1024]');
    await eventually(() => expect(end.frames.values.join()).toContain('three'));
    return end.frames.values.join();
  };
}

const STRANGERS = 1_206;

describe('hellos of strangers', () => {
  it.each(['192.0.2.66', '192.0.2.1'])(
    'end no session of a client that is away, when they never confirm a welcome (from %s)',
    async (stranger) => {
      const server = start();
      const comeBack = await absent(server, '192.0.2.1');
      for (let count = 0; count < STRANGERS; count++) {
        const end = server.dial(stranger);
        await end.frames.take(1);
        end.close(1006);
      }
      expect(await comeBack()).toContain('one');
      expect(server.wires).toHaveLength(1);
      expect(server.ended).toEqual([]);
    },
  );

  it('end no session of another address, also when they confirm their welcomes', async () => {
    const server = start({ maxDetached: 20 });
    const comeBack = await absent(server, '192.0.2.1');
    for (let count = 0; count < 50; count++) (await server.enter('192.0.2.66')).close(1006);
    await eventually(() => expect(server.ended.length).toBeGreaterThanOrEqual(30));
    expect(server.ended).not.toContain(server.wires[0]);
    expect(await comeBack()).toContain('two');
  });

  it('end no session of another principal, whatever its address', async () => {
    const server = start({
      maxDetached: 5,
      maxDetachedPerPrincipal: 100,
      authenticate: ({ token = '' }) => ({ id: token }),
    });
    const { close } = await server.enter('192.0.2.66', { token: 'ann' });
    const [wire] = server.wires;
    close(1006);
    for (let count = 0; count < 20; count++) (await server.enter('192.0.2.66', { token: 'mallory' })).close(1006);
    await eventually(() => expect(server.ended.length).toBeGreaterThanOrEqual(15));
    expect(server.ended).not.toContain(wire);
  });

  it('make no wire, and store nothing, before the welcome is confirmed', async () => {
    const records: string[] = [];
    const opened: string[] = [];
    const inbox = fakeInbox();
    const remember = (lease: InboxLease, session: unknown) => {
      records.push(lease.pid);
      return inbox.remember(lease, session);
    };
    const outbox = (pid: string) => {
      const store = memoryOutbox();
      return { ...store, open: () => (opened.push(pid), store.open()) };
    };
    const server = start({ inbox: { ...inbox, remember }, outbox });
    const pid = secret();
    const end = server.dial('192.0.2.1', { pid });
    const [welcome] = await end.frames.take(1);
    expect(fieldsOf(welcome)).toMatchObject({ known: false, resumed: false, rx: 0 });
    expect([records, opened, server.wires]).toEqual([[], [], []]);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    expect([records, opened, server.wires.length]).toEqual([[pid], [pid], 1]);
    const { session } = (await ready(recordOf(inbox, pid)))!;
    expect(session).toMatchObject({ isConfirmed: true, n: 1 });
  });

  it('cost a new client nothing when the frame that confirms its welcome is lost', async () => {
    const server = start();
    const pid = secret();
    const first = server.dial('192.0.2.1', { pid });
    const { sid, rt } = fieldsOf((await first.frames.take(1))[0]);
    first.close(1006);
    await first.code;
    const again = server.dial('192.0.2.1', { pid, n: 2, sid, rt, rx: 0 });
    expect(fieldsOf((await again.frames.take(1))[0])).toMatchObject({ sid, known: true, resumed: true });
    again.send('["ack",0,1024]');
    await again.frames.take(2);
    expect(server.wires).toHaveLength(1);
  });

  it('are superseded by a later one of the same client, and refused when they are older', async () => {
    const server = start();
    const pid = secret();
    const first = server.dial('192.0.2.1', { pid, n: 2 });
    await first.frames.take(1);
    const older = server.dial('192.0.2.1', { pid, n: 1 });
    expect(await older.code).toBe(4409);
    const newer = server.dial('192.0.2.1', { pid, n: 3 });
    expect(await first.code).toBe(4409);
    await newer.frames.take(1);
    newer.send('["ack",0,1024]');
    await newer.frames.take(2);
    expect(server.wires).toHaveLength(1);
  });

  it('give the place of their principal back when their connection ends before they confirm', async () => {
    const server = start({ maxPerPrincipal: 2, authenticate: ({ token = '' }) => ({ id: token }) });
    for (let count = 0; count < 5; count++) {
      const end = server.dial('192.0.2.66', { token: 'ann' });
      const [first] = await Promise.race([end.frames.take(1), end.code.then((code) => [code])]);
      expect(first).toContain('"welcome"');
      end.close(1006);
      await end.code;
      await new Promise(setImmediate);
    }
  });

  it('end with the server: 1001', async () => {
    const server = start();
    const end = server.dial('192.0.2.1');
    await end.frames.take(1);
    running.unsubscribe();
    expect(await end.code).toBe(1001);
  });
});
