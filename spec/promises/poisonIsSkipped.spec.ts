import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import type { Codec } from '../../lib/codec/codec.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { RxwireError } from '../../lib/message/errors.js';
import { channel } from '../../lib/operators/channels/channel.js';
import type { ChannelOptions } from '../../lib/operators/channels/channelOptions.js';
import type { ChannelLog } from '../../lib/channels/channelLog.js';
import { hub } from '../../lib/server/hub/hub.js';
import type { HubOptions } from '../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { note, payloads } from '../support/rooms.js';
import { wireServer } from '../support/wireServer.js';

const nested = (levels: number): unknown => (levels === 0 ? null : [nested(levels - 1)]);
/** 170 KiB of text, and 1 MiB of JSON. */
const CONTROLS = '\u0001'.repeat(174_700);

/** Values that json() cannot carry, and msgpack() can. */
const BINARY: Readonly<Record<string, unknown>> = {
  'a Uint8Array': new Uint8Array([1]),
  'a BigInt': 2n,
  'a Map': new Map([[1, 2]]),
  NaN: NaN,
};

describe('what one member sends', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function start(codecs: readonly Codec[] = [msgpack(), json()], options: HubOptions = {}) {
    const rooms = hub(options);
    const refusals = record(rooms.errors$);
    const errors: RxwireError[] = [];
    const served: Wire[] = [];
    const server = await wireServer(
      (wire) => {
        served.push(wire);
        wire.errors$.subscribe((error) => errors.push(error));
        rooms.serve(wire);
      },
      { codecs },
    );
    closers.push(server.close);
    const member = async (codec: Codec, own: ChannelOptions & { readonly maxFrame?: number } = {}) => {
      const { maxFrame, ...others } = own;
      const wire = connect({ link: webSocket(server.url), codec, ...(maxFrame !== undefined && { maxFrame }) });
      closers.push(() => wire.unsubscribe());
      const room = channel(wire, 'room', { from: 'start', ...others });
      const [messages, gaps, faults] = [record(room), record(room.gaps$), record(room.errors$)];
      await eventually(() => expect(room.state.status).toBe('joined'));
      return { wire, room, messages, gaps, faults };
    };
    return { rooms, refusals, errors, served, member };
  }
  const reasonOf = async (sent: Promise<unknown>): Promise<unknown> =>
    sent.then(
      () => 'sent',
      (error: unknown) => [(error as RxwireError).code, (error as { reason?: string }).reason],
    );

  it.each([
    ['json() alone', [json()]],
    ['msgpack() and json()', [msgpack(), json()]],
  ])('is measured as it will be sent, with %s', async (_, codecs) => {
    const { member } = await start(codecs);
    const { room, messages } = await member(json());
    expect(await reasonOf(room.send(note(CONTROLS)))).toEqual(['ERR_CHANNEL_REFUSED', 'too-large']);
    await room.send(note('later'));
    expect(payloads(await messages.take(1))).toEqual(['later']);
  });

  it.each(Object.entries(BINARY))('is refused if a member could not receive it: %s', async (_, value) => {
    const { member, rooms, errors } = await start();
    const [binary, text] = [await member(msgpack()), await member(json())];
    expect(await reasonOf(binary.room.send(note({ value })))).toEqual(['ERR_CHANNEL_REFUSED', 'unsupported']);
    expect(await reasonOf(rooms.channel('room').send(note({ value })))).toEqual(['ERR_ENCODE', expect.stringContaining('.payload.value')]);
    await binary.room.send(note('later'));
    for (const { messages } of [binary, text]) expect(payloads(await messages.take(1))).toEqual(['later']);
    expect(errors).toEqual([]);
  });

  it('is refused if a member could not receive it: an unpaired surrogate', async () => {
    const { member } = await start();
    const { room } = await member(json());
    expect(await reasonOf(room.send(note('\ud800')))).toEqual(['ERR_CHANNEL_REFUSED', 'unsupported']);
  });

  it('may hold bytes where each codec of the server carries them', async () => {
    const { member } = await start([msgpack()]);
    const { room, messages } = await member(msgpack());
    await room.send(note(BINARY['a Uint8Array']));
    expect(payloads(await messages.take(1))).toEqual([new Uint8Array([1])]);
  });

  it.each([msgpack(), json()])('has 32 levels at most, also for the server: $name', async (codec) => {
    const { member, rooms } = await start();
    const { room, messages } = await member(codec);
    await room.send(note(nested(32)));
    await rooms.channel('room').send(note(nested(32)));
    expect(payloads(await messages.take(2))).toEqual([nested(32), nested(32)]);
    expect(
      payloads(
        await record(room.history())
          .take(2)
          .then((past) => past.map(({ message }) => message)),
      ),
    ).toEqual([nested(32), nested(32)]);
    expect(await reasonOf(room.send(note(nested(33))))).toEqual(['ERR_ENCODE', expect.stringContaining('32 levels')]);
    expect(await reasonOf(rooms.channel('room').send(note(nested(33))))).toEqual(['ERR_ENCODE', expect.stringContaining('32 levels')]);
  });

  it.each([
    ['a Uint8Array', new Uint8Array([1]), 'unsupported'],
    ['a BigInt', 2n, 'unsupported'],
    ['4 KiB', 'x'.repeat(4_100), 'too-large'],
  ])('as its state is refused by the same rule: %s', async (_, state, reason) => {
    const { member } = await start();
    const [binary, text] = [await member(msgpack()), await member(json())];
    const presence = record(text.room.presence$);
    binary.room.updatePresence(state);
    expect((await binary.faults.take(1))[0]).toMatchObject({ action: 'presence', reason });
    binary.room.updatePresence('here');
    await eventually(() => expect(presence.values.at(-1)?.others).toMatchObject([{ state: 'here' }]));
  });

  describe('and is in the log all the same', () => {
    /** What another server, or an earlier version, has stored. */
    const filled = (...values: readonly unknown[]): ChannelLog => {
      const log = memoryChannelLog({ maxBytes: 2 ** 24 });
      for (const value of values) log.append('room', note(value));
      return log;
    };

    it.each([
      ['a value that its codec cannot carry', { value: 2n }],
      ['a message that is too large for its frames', CONTROLS.repeat(2)],
      ['a message that is too deep', nested(40)],
    ])('is one gap for a member, once: %s', async (_, poison) => {
      const { member, rooms, errors, served } = await start([json()], { log: filled(1, poison, 2, poison, 3) });
      const { messages, gaps, room } = await member(json());
      await rooms.channel('room').send(note(4));
      expect(payloads(await messages.take(4))).toEqual([1, 2, 3, 4]);
      expect(gaps.values.map(({ reason, after, next }) => [reason, after.offset, next.offset])).toEqual([
        ['undeliverable', 1, 3],
        ['undeliverable', 3, 5],
      ]);
      expect(errors).toHaveLength(2);
      await room.send(note(5));
      await eventually(() => expect([messages.values.length, served[0]?.queued]).toEqual([5, 0]));
      expect(errors).toHaveLength(2);
      expect(room.state.status).toBe('joined');
    });

    it('is one gap for a member that is live, and nothing for the others', async () => {
      const log = memoryChannelLog({ maxBytes: 2 ** 24 });
      const { member } = await start([msgpack(), json()], { log });
      const [binary, text] = [await member(msgpack()), await member(json())];
      for (const value of [1, new Uint8Array([1]), 2]) log.append('room', note(value));
      expect(payloads(await binary.messages.take(3))).toEqual([1, new Uint8Array([1]), 2]);
      expect(payloads(await text.messages.take(2))).toEqual([1, 2]);
      expect(text.gaps.values).toMatchObject([{ reason: 'undeliverable', after: { offset: 1 }, next: { offset: 3 } }]);
      expect(binary.gaps.values).toEqual([]);
    });

    it('is one gap for a client that accepts smaller frames', async () => {
      const { member, rooms } = await start();
      const [small, other] = [await member(json(), { maxFrame: 16_384 }), await member(json())];
      for (const text of ['a', 'x'.repeat(20_000), 'b']) await rooms.channel('room').send(note(text));
      expect(payloads(await small.messages.take(2))).toEqual(['a', 'b']);
      expect(payloads(await other.messages.take(3))).toEqual(['a', 'x'.repeat(20_000), 'b']);
      expect(small.gaps.values).toMatchObject([{ reason: 'undeliverable' }]);
    });

    it('is left out of the history, which is told, and completes', async () => {
      const { member } = await start([json()], { log: filled(1, 2n, 2, CONTROLS.repeat(2), 3, nested(40), 4) });
      const { room, gaps } = await member(json(), { from: 'live' });
      const past = record(room.history());
      expect(await past.ended).toBe('complete');
      expect(payloads(past.values.map(({ message }) => message))).toEqual([1, 2, 3, 4]);
      expect(gaps.values.map(({ next }) => next.offset)).toEqual([3, 5, 7]);
    });

    it('divides a history whose messages are too large together', async () => {
      const text = CONTROLS.slice(0, 20_000);
      const { member } = await start([json()], { log: filled(...Array<string>(12).fill(text)) });
      const { room, gaps } = await member(json(), { from: 'live' });
      const past = record(room.history());
      expect(await past.ended).toBe('complete');
      expect(past.values).toHaveLength(12);
      expect(gaps.values).toEqual([]);
    });
  });

  it('as information about a member hides no other member', async () => {
    const { member, rooms } = await start([msgpack(), json()], { identify: ({ id }) => ({ id, info: { since: 2n } }) });
    const [binary, text] = [await member(msgpack()), await member(json())];
    const [all, some] = [record(binary.room.presence$), record(text.room.presence$)];
    await eventually(() => expect([all, some].map(({ values }) => values.at(-1)?.members.length)).toEqual([2, 2]));
    expect(all.values.at(-1)?.members.map(({ info }) => info)).toEqual([{ since: 2n }, { since: 2n }]);
    expect(some.values.at(-1)?.members.map(({ info }) => info)).toEqual([undefined, undefined]);
    await rooms.channel('room').send(note('later'));
    expect(payloads(await text.messages.take(1))).toEqual(['later']);
  });

  it('compacted into what nobody could receive is not compacted, and reported', async () => {
    const { member, rooms, refusals } = await start();
    await member(json());
    const run = rooms.channel('run', { from: 'start', compact: () => createMessage('note', 2n) });
    for (let count = 0; count < 3; count++) await run.send(note(count));
    await run.end();
    const messages = record(run);
    expect(await messages.ended).toBe('complete');
    expect(payloads(messages.values)).toEqual([0, 1, 2]);
    expect(refusals.values.map(({ code, cause }) => [code, (cause as RxwireError).code])).toEqual([['ERR_CHANNEL_FAILED', 'ERR_CALLBACK']]);
  });

  it('as the reason of an end is refused if it is too long', async () => {
    const { rooms } = await start();
    expect(await reasonOf(rooms.channel('room').end('x'.repeat(257)))).toEqual(['ERR_INVALID_MESSAGE', expect.any(String)]);
  });
});
