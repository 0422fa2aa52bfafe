import type { ServerCore } from '../../lib/core/serverCore.js';
import { readHello } from '../../lib/core/serverHandshake.js';
import { SessionStores } from '../../lib/core/sessionStores.js';
import type { Body, InboxWrite, OutboxContents, OutboxWrite, WriteFault } from '../../lib/core/storedTypes.js';
import {
  answerCall,
  answered,
  asyncCodec,
  clientCore,
  clientSide,
  exchange,
  message,
  open,
  OPTIONS,
  processed,
  serverSide,
  Side,
} from './coreHarness.js';

/** A client whose writes the test answers. */
class StoringClient extends Side {
  readonly written: OutboxWrite[] = [];
  /** The frames that were sent while the test answered writes. */
  readonly #sent: Body[] = [];

  constructor(
    outbox?: OutboxContents,
    { hasInbox = false, isAsync = false } = {},
    readonly stores = new SessionStores({ hasOutbox: true, hasInbox, maxStored: 100 }),
  ) {
    const codecs = isAsync ? [asyncCodec()] : OPTIONS.codecs;
    super(clientCore({ codecs }, stores));
    this.core.restore({ key: '', outbox });
  }
  override frames(): Body[] {
    return [...this.#sent.splice(0), ...super.frames()];
  }
  /** Answers the writes so far. Returns their heads and the ids of their messages, each as a text. */
  answer(fault?: WriteFault): readonly string[] {
    this.#sent.push(...super.frames());
    return this.effects.splice(0).flatMap((effect) => {
      if (effect.kind !== 'outbox' && effect.kind !== 'inbox') {
        this.effects.push(effect);
        return [];
      }
      answered(this.core, effect.id, this.now, fault);
      if (effect.kind === 'outbox') this.written.push(effect.write);
      return [effect.kind === 'outbox' ? textOf(effect.write) : inboxText(effect.write)];
    });
  }
  /** Answers all writes, also those that follow. */
  settle(): this {
    while (this.answer().length > 0);
    return this;
  }
  get stored(): readonly string[] {
    return this.seen.flatMap((event) => (event.kind === 'stored' ? event.messages.map(({ id }) => id) : []));
  }
}

const idsOf = (body: unknown): readonly string[] => (JSON.parse(body as string) as { readonly id: string }[]).map(({ id }) => id);
function textOf({ head: { acked, last, mark, skips }, batches, replaces }: OutboxWrite): string {
  const ids = batches.flatMap(({ body }) => (body.length > 0 ? idsOf(body) : ['-']));
  return `${replaces ? 'all: ' : ''}${ids.join(' ')} acked ${acked} last ${last} mark ${mark}${skips.length > 0 ? ` skips ${skips.join()}` : ''}`;
}
const inboxText = ({ cursor, effects }: InboxWrite): string => `done ${cursor?.done} ${effects.join()}`;

/** The contents that the writes so far have left. */
function contentsOf({ written }: StoringClient): OutboxContents {
  const head = written.at(-1)!.head;
  return { ...head, batches: written.flatMap(({ batches }) => batches).filter(({ first, count }) => first + count - 1 > head.acked) };
}

/** Connects, and answers all writes. */
function connected(client: StoringClient, server = serverSide()): Side<ServerCore> {
  client.settle();
  client.core.opened(client.now);
  open(client, server);
  client.settle();
  exchange(client, server);
  return server;
}

/** Connects to a server that knows the numbers of the client, and has begun another session. */
function welcome(client: StoringClient, fields: { readonly rx: number }): void {
  client.core.opened(client.now);
  const hello = client.frames().find((frame) => (frame as string).startsWith('["hello"')) as string;
  const { n } = (JSON.parse(hello) as [string, { readonly n: number }])[1];
  const ticket = { n, sid: 's'.repeat(22), rt: 'r'.repeat(43), known: true, resumed: false };
  client.receive(JSON.stringify(['welcome', { ...ticket, ...fields, window: 8, bytes: 1_000, ping: 1_000, codec: 'test', id: 'server' }]));
}

describe('A session with an outbox', () => {
  it('stores a message before there is a connection, and tells it', () => {
    const client = new StoringClient();
    expect(client.send('a', 'b').answer()).toEqual(['a b acked 0 last 2 mark 0']);
    client.frames();
    expect(client.stored).toEqual(['a', 'b']);
  });

  it('has one write at a time, which stores all that has come meanwhile', () => {
    const client = new StoringClient();
    client.send('a').frames();
    client.send('b').frames();
    client.send('c');
    expect(client.answer()).toEqual(['a acked 0 last 1 mark 0']);
    expect(client.answer()).toEqual(['b c acked 0 last 3 mark 0']);
  });

  it('sends nothing before it is stored, with a mark above it', () => {
    const client = new StoringClient();
    const server = connected(client);
    client.send('a');
    expect(client.frames()).toEqual([]);
    expect(client.answer()).toEqual([' acked 0 last 0 mark 0', 'a acked 0 last 1 mark 9'].slice(-1));
    expect(client.frames()).toHaveLength(1);
    expect(server.delivered).toEqual([]);
  });

  it('tells an outcome when the outbox has removed the message', () => {
    const client = new StoringClient();
    const server = connected(client);
    client.send('a').settle();
    exchange(client, server);
    expect(client.outcomes).toEqual([]);
    expect(client.answer()).toEqual([' acked 1 last 1 mark 9']);
    client.frames();
    expect(client.outcomes).toEqual(['a acked']);
  });

  it('halves what has no room, and gives up the message that has none alone', () => {
    const client = new StoringClient();
    client.send('a', 'b', 'c', 'd').frames();
    expect([client.answer('quota'), client.answer('quota'), client.answer('quota')]).toEqual([
      ['a b c d acked 0 last 4 mark 0'],
      ['a b acked 0 last 2 mark 0'],
      ['a acked 0 last 1 mark 0'],
    ]);
    client.frames();
    expect(client.outcomes).toEqual(['a quota']);
    expect([client.answer(), client.answer()]).toEqual([['b acked 0 last 1 mark 0'], ['c d acked 0 last 3 mark 0']]);
  });

  it('gives up what has no room also if all messages have got other numbers meanwhile', () => {
    const client = new StoringClient();
    client.send('a').settle().send('b').frames();
    // The server has processed more than this client has sent.
    welcome(client, { rx: 5 });
    expect(client.answer('quota')).toEqual(['b acked 0 last 2 mark 0']);
    expect(client.answer()[0]).toMatch(/^all: a acked 5 last 6 /);
    client.frames();
    expect(client.outcomes).toEqual(['b quota']);
    expect(client.seen.filter(({ kind }) => kind === 'store-failed')).toEqual([]);
  });

  it('gives up three messages that a server refuses, and no more until one is acked', () => {
    const client = new StoringClient();
    const old = message('old', { ttl: 5, timestamp: 0 });
    client.send('a', 'b', 'c').core.send(old);
    client.send('d');
    client.settle();
    const refuse = (): boolean => {
      // The server takes the numbers that are skipped.
      const rx = client.outcomes.length;
      welcome(client, { rx });
      client.settle().receive(`["ack",${rx},8]`).settle().frames();
      const isTriedAgain = client.stores.outbox!.refused('E_REFUSED', 'no');
      client.core.closed();
      client.settle().frames();
      return isTriedAgain;
    };
    const refuseAll = (): boolean => Array.from({ length: 15 }, refuse).at(-1)!;
    expect(refuseAll()).toBe(false);
    // That a message has expired does not say that the server takes any.
    client.core.outgoing.expire(old, 10);
    client.settle();
    expect(refuseAll()).toBe(false);
    client.frames();
    expect(client.outcomes).toEqual(['a unsendable', 'b unsendable', 'c unsendable', 'old expired']);
  });

  it('restores nothing after its end', () => {
    const first = new StoringClient();
    first.send('a').settle();
    const client = new StoringClient(contentsOf(first), { isAsync: true });
    const [decode] = client.core.outputs.takeEffects();
    client.core.end();
    answerCall(decode, 0, [message('a')]);
    client.frames();
    expect(client.seen).toEqual([]);
  });

  it('skips no number that has come back from a write without room', () => {
    const client = new StoringClient();
    connected(client);
    client.core.send(message('old', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.now = 10;
    // It expires while it is being stored: its number is given back, and used again.
    client.frames();
    client.send('new');
    client.answer('quota');
    expect(client.answer()).toEqual(['new acked 0 last 1 mark 9']);
  });

  it('gives the number of a message that has expired to another one if its batch becomes shorter', () => {
    const client = new StoringClient(undefined, { isAsync: true });
    welcome(client.settle(), { rx: 0 });
    client.settle().receive('["ack",0,8,0,0]').frames();
    client.send('a');
    client.core.send(message('old', { ttl: 5, timestamp: 0 }));
    client.frames();
    const encode = (body: Body | undefined): void => {
      const effect = client.effects.find(({ kind }) => kind === 'codec')!;
      client.effects.splice(client.effects.indexOf(effect), 1);
      answerCall(effect, client.now, body);
      client.frames();
    };
    client.now = 10;
    client.frames();
    expect(client.outcomes).toEqual(['old expired']);
    // The batch is too large: each message gets a frame of its own.
    encode('x'.repeat(20_000));
    encode(JSON.stringify([message('a')]));
    client.send('b').settle().frames();
    encode(JSON.stringify([message('b')]));
    client.settle();
    expect(contentsOf(client)).toMatchObject({ last: 2, skips: [] });
    expect(contentsOf(client).batches.flatMap(({ body }) => idsOf(body))).toEqual(['a', 'b']);
  });

  it('ends when it has another owner: what the outbox holds is for that one', () => {
    const client = new StoringClient();
    client.send('a').settle();
    client.send('b').answer('fenced');
    client.frames();
    expect(client.outcomes).toEqual(['b closed']);
    expect(client.seen).toContainEqual({ kind: 'store-failed', store: 'outbox', fault: 'fenced' });
  });

  it('does not know about the messages of a write that has failed', () => {
    const client = new StoringClient();
    client.send('a').answer('failed');
    client.frames();
    expect(client.outcomes).toEqual(['a in-doubt']);
  });

  it('tells the outcomes after its end when the last write is answered', () => {
    const client = new StoringClient();
    client.send('a').frames();
    client.core.end();
    client.frames();
    expect([client.core.isEnded, client.outcomes]).toEqual([false, []]);
    client.answer('fenced');
    client.frames();
    expect([client.core.isEnded, client.outcomes]).toEqual([true, ['a closed']]);
  });

  it('goes on with the messages of an earlier owner: what may have been sent is in doubt at a server that does not know them', () => {
    const first = new StoringClient();
    connected(first);
    first.send('a').settle();
    first.core.closed();
    first.send('b').settle();
    const next = new StoringClient(contentsOf(first));
    const server = connected(next);
    next.settle();
    exchange(next, server);
    next.settle();
    next.frames();
    expect(next.outcomes).toContain('a in-doubt');
    expect(server.delivered).toEqual(['b']);
  });

  it('tells that a message has expired when that is stored: the next owner skips its number, and never tells that it was acked', () => {
    const first = new StoringClient();
    first.core.send(message('old', { ttl: 5, timestamp: 0 }));
    first.settle();
    first.now = 10;
    first.core.opened(first.now);
    open(first, serverSide());
    expect(first.outcomes).toEqual([]);
    expect(first.answer()[0]).toMatch(/ skips 1$/);
    first.frames();
    expect(first.outcomes).toEqual(['old expired']);
    const next = new StoringClient(contentsOf(first));
    welcome(next, { rx: 0 });
    next.settle();
    expect(next.frames()).toContain('["skip",[1]]');
    next.receive('["ack",1,8]').settle().frames();
    expect(next.outcomes).toEqual([]);
  });

  it('gives up a message that an earlier owner has left when its ttl passes, without a connection', () => {
    const first = new StoringClient();
    first.core.send(message('old', { ttl: 5, timestamp: 0 }));
    first.settle();
    const next = new StoringClient(contentsOf(first));
    expect(next.core.outgoing.nextExpiry).toBe(0);
    next.core.outgoing.expireWaiting(5);
    next.settle().frames();
    expect(next.outcomes).toEqual(['old expired']);
  });

  it('has lost its mark: a message is in doubt if the server has accepted its number', () => {
    const head = { acked: 0, last: 2, mark: 0, skips: [], isPaused: false, codec: 'test' };
    const batchOf = (first: number, id: string) =>
      ({ first, count: 1, level: 'exactly-once', body: JSON.stringify([message(id)]) }) as const;
    const client = new StoringClient({ ...head, batches: [batchOf(1, 'a'), batchOf(2, 'b')] });
    welcome(client, { rx: 1 });
    client.settle().receive('["ack",1,8]').settle();
    expect(client.frames().at(-1)).toMatch(/^\["msg",2,1,.*"b"/);
    expect(client.outcomes).toEqual(['a in-doubt']);
  });

  it('skips what it cannot read', () => {
    const head = { acked: 0, last: 2, mark: 0, skips: [], isPaused: false, codec: 'test' };
    const stored = { count: 1, level: 'exactly-once' } as const;
    const client = new StoringClient({
      ...head,
      batches: [
        { ...stored, first: 1, body: 'damaged' },
        { ...stored, first: 2, body: JSON.stringify([message('b')]) },
      ],
    });
    const server = connected(client);
    client.settle();
    exchange(client, server);
    expect(client.seen.filter(({ kind }) => kind === 'unreadable')).toEqual([{ kind: 'unreadable', count: 1 }]);
    expect(server.delivered).toEqual(['b']);
  });
});

describe('A session with an inbox', () => {
  it('sends what has no room yet after the bye of its server', () => {
    const client = clientSide({ window: 1 });
    const server = serverSide({}, new SessionStores({ hasOutbox: true, hasInbox: true, maxStored: 100 }));
    server.core.restore({ key: 'pid' });
    const settle = (): void => {
      for (let round = 0; round < 20; round++) {
        for (const effect of server.effects.splice(0)) if (effect.kind !== 'codec') answered(server.core, effect.id, 0);
        client.receive(...server.frames());
        server.receive(...client.frames());
      }
    };
    client.core.opened(0);
    server.core.accept(readHello(client.frames()[0]), 0);
    settle();
    const frames: Body[] = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      frames.push(...server.send(id).frames());
      for (const effect of server.effects.splice(0)) if (effect.kind !== 'codec') answered(server.core, effect.id, 0);
    }
    server.core.leave(700);
    client.receive(...frames);
    settle();
    expect([client.delivered, server.outcomes]).toEqual([['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd'].map((id) => `${id} acked`)]);
  });

  it('acks what is committed, and tries effects alone that have failed together', () => {
    const client = clientSide();
    const server = serverSide({}, new SessionStores({ hasOutbox: false, hasInbox: true, maxStored: 100 }));
    server.core.restore({ key: 'pid' });
    const answer = (fault?: WriteFault): readonly string[] =>
      server.effects.splice(0).flatMap((effect) => {
        if (effect.kind !== 'inbox') return [];
        answered(server.core, effect.id, 0, fault);
        return [effect.write.cursor ? inboxText(effect.write) : 'record'];
      });
    open(client, server);
    server.frames();
    // The client may send when its record is stored.
    expect(answer()).toEqual(['record']);
    client.receive(...server.frames());
    client.send('a', 'b');
    server.receive(...client.frames());
    server.frames(true);
    const { progress } = server.core.incoming;
    processed(server.core, 1, progress, 0, undefined, 'effect of a');
    processed(server.core, 2, progress, 0, undefined, 'effect of b');
    expect(server.frames()).toEqual([]);
    expect(answer('effect')).toEqual(['done 2 effect of a,effect of b']);
    server.frames();
    expect(answer()).toEqual(['done 1 effect of a']);
    client.receive(...server.frames());
    expect(answer('effect')).toEqual(['done 2 effect of b']);
    server.frames();
    expect(server.seen.at(-1)).toMatchObject({ kind: 'effect-failed', number: 2 });
    client.frames();
    expect(client.outcomes).toEqual(['a acked']);
  });

  it('does not let a client ack before the ticket of its session is stored', () => {
    const [client, server] = [new StoringClient(), serverSide()];
    client.settle().core.opened(0);
    server.core.accept(readHello(client.frames()[0]), 0);
    client.receive(...server.frames());
    expect([client.core.mayAck, client.frames()]).toEqual([false, []]);
    expect(client.answer()).toHaveLength(1);
    expect([client.core.mayAck, client.frames()]).toEqual([true, ['["ack",0,8]']]);
  });
});
