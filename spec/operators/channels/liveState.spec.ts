import { map, NEVER, Observable, of, Subject, take, throwError } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { liveState, type ChannelSnapshot, type LiveStateOptions } from '../../../lib/operators/channels/liveState.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { CallbackError, ChannelEndedError, ChannelRefusedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import type { Message } from '../../../lib/message/types.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms, turn } from '../../support/rooms.js';

type Letters = string;
const retry = { initialInterval: 5, jitter: 0 };
const append = (letters: Letters, { payload }: Message): Letters => letters + String(payload);

describe('liveState', () => {
  let town: ReturnType<typeof rooms>;
  /** The state of the server, and its position. */
  let truth: ChannelSnapshot<Letters>;
  const open = (...options: Parameters<typeof rooms>): void => {
    town = rooms(...options);
    truth = { state: '', position: 'start' };
  };
  afterEach(() => town.close());

  const say = async (letters: string): Promise<void> => {
    for (const letter of letters) {
      const position = (await town.hall.channel('letters').send(note(letter))) as ChannelPosition;
      truth = { state: truth.state + letter, position };
    }
  };
  const follow = (own: Partial<LiveStateOptions<Letters>> = {}, wire: Wire = town.client()) =>
    record(liveState(wire, 'letters', { load: () => of(truth), reduce: append, retry, ...own }));
  const positionAt = (offset: number): ChannelPosition => ({ epoch: (truth.position as ChannelPosition).epoch, offset });

  it('emits the state, then the state after each message behind its position', async () => {
    open();
    await say('abc');
    const states = follow();
    await states.take(1);
    await say('de');
    expect(await states.take(3)).toEqual(['abc', 'abcd', 'abcde']);
  });

  it('begins with nothing, at the start of a channel', async () => {
    open();
    const states = follow();
    await states.take(1);
    await say('a');
    expect(await states.take(2)).toEqual(['', 'a']);
  });

  it('applies each message that arrives during the load once, if it follows the position', async () => {
    open();
    await say('ab');
    const loads$ = new Subject<ChannelSnapshot<Letters>>();
    const states = follow({ load: () => loads$ });
    await turn();
    const early = truth;
    await say('cd');
    const middle = truth;
    await say('e');
    loads$.next(middle);
    expect(await states.take(2)).toEqual(['abcd', 'abcde']);
    const late = follow({ load: () => of(early) });
    expect(await late.take(4)).toEqual(['ab', 'abc', 'abcd', 'abcde']);
  });

  it('takes a position as a text, as JSON, and as the position of a channel', async () => {
    open();
    const { room, messages } = await town.member('letters');
    await say('ab');
    await messages.take(2);
    const text = follow({ load: () => of({ state: 'ab', position: room.position as string }) });
    const json = follow({ load: () => Promise.resolve(JSON.parse(JSON.stringify(truth)) as ChannelSnapshot<Letters>) });
    await Promise.all([text.take(1), json.take(1)]);
    await say('c');
    expect([await text.take(2), await json.take(2)]).toEqual([
      ['ab', 'abc'],
      ['ab', 'abc'],
    ]);
  });

  it('reports a load that asks for a start which is gone, and loads until its position is later', async () => {
    open({ log: memoryChannelLog({ maxMessages: 2 }) });
    await say('abcdef');
    const wire = town.client();
    const errors = record(wire.errors$);
    const answers: ChannelSnapshot<Letters>[] = [1, 2].map(() => ({ state: '', position: 'start' }));
    const states = follow({ load: () => of(answers.shift() ?? truth) }, wire);
    expect(await states.take(2)).toEqual(['', 'abcdef']);
    expect(errors.values).toHaveLength(2);
    expect(errors.values[0]).toMatchObject({ code: 'ERR_CALLBACK', cause: { message: expect.stringContaining('"start"') as string } });
  });

  it('shares one membership with the channel and with other states, each at its own position', async () => {
    open();
    await say('abcdef');
    const wire = town.client();
    const all = await town.member('letters', { from: 'start' }, wire);
    await all.messages.take(6);
    const [two, five, six] = [2, 5, 6].map((offset) =>
      follow({ load: () => of({ state: truth.state.slice(0, offset), position: positionAt(offset) }) }, wire),
    );
    await two!.take(5);
    await say('gh');
    expect(await two!.take(7)).toEqual(['ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abcdefg', 'abcdefgh']);
    expect(await five!.take(4)).toEqual(['abcde', 'abcdef', 'abcdefg', 'abcdefgh']);
    expect(await six!.take(3)).toEqual(['abcdef', 'abcdefg', 'abcdefgh']);
    expect(payloads(await all.messages.take(8))).toEqual(Array.from('abcdefgh'));
    expect([all.gaps.values, all.statuses().at(-1)]).toEqual([[], 'joined']);
    for (const { subscription } of [two!, five!, six!, all.messages]) subscription.unsubscribe();
    await eventually(() => expect(town.heard.at(-1)).toBe('channel.leave'));
    expect(town.heard.filter((type) => type === 'channel.leave')).toHaveLength(1);
  });

  it('lets a channel that is subscribed later begin at its own place', async () => {
    open();
    await say('abcdef');
    const wire = town.client();
    const states = follow({}, wire);
    await states.take(1);
    const latest = record(channel(wire, 'letters', { from: { last: 2 } }));
    expect(payloads(await latest.take(2))).toEqual(['e', 'f']);
    await say('g');
    expect(payloads(await latest.take(3))).toEqual(['e', 'f', 'g']);
    expect(await states.take(2)).toEqual(['abcdef', 'abcdefg']);
  });

  it('is exact between the messages that a compacted one stands for', async () => {
    open({ log: memoryChannelLog({ maxMessages: 10_000, maxBytes: 10_000_000 }) });
    const run = town.hall.channel('letters', { compact: (messages) => note(payloads(messages).join('')) });
    const letters = Array.from({ length: 2_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    for (const letter of letters) truth = { state: '', position: (await run.send(note(letter))) as ChannelPosition };
    const wire = town.client();
    const last = async (offset: number) => {
      const states = follow({ load: () => of({ state: letters.slice(0, offset), position: positionAt(offset) }) }, wire);
      await eventually(() => expect(states.values.at(-1)).toBe(letters));
      return states;
    };
    const [inside] = await Promise.all([last(1_001), last(0), last(700)]);
    const lengths = inside.values.map(({ length }) => length);
    expect([lengths[0], lengths]).toEqual([1_001, [...new Set(lengths)].sort((a, b) => a - b)]);
    expect(inside.values.every((state) => letters.startsWith(state))).toBe(true);
  });

  it('ignores ephemeral messages', async () => {
    open();
    await say('a');
    const states = follow();
    await states.take(1);
    await eventually(() => expect(town.heard).toContain('channel.join'));
    await turn();
    town.hall.channel('letters').next(createMessage('note', 'typing', { delivery: 'at-most-once' }));
    await say('b');
    expect(await states.take(2)).toEqual(['a', 'ab']);
  });

  describe('loads again', () => {
    it('when load has failed, with backoff, and reports it', async () => {
      open();
      await say('a');
      const wire = town.client();
      const errors = record(wire.errors$);
      const offline = new Error('offline');
      let loads = 0;
      const states = follow({ load: () => (loads++ < 2 ? throwError(() => offline) : of(truth)) }, wire);
      expect(await states.take(1)).toEqual(['a']);
      expect(errors.values).toEqual([new CallbackError('load', offline), new CallbackError('load', offline)]);
    });

    it('when load has returned no position', async () => {
      open();
      await say('a');
      const wire = town.client();
      const errors = record(wire.errors$);
      const answers: unknown[] = [
        { state: 'x' },
        { state: 'x', position: 'yesterday' },
        { state: 'x', position: { epoch: 'e', offset: -1 } },
        truth,
      ];
      expect(await follow({ load: () => of(answers.shift() as ChannelSnapshot<Letters>) }, wire).take(1)).toEqual(['a']);
      expect(errors.values.map(({ cause }) => String(cause))).toEqual([
        'TypeError: liveState: "load" must return a position of the channel, got undefined',
        'TypeError: liveState: "load" must return a position of the channel, got "yesterday"',
        'TypeError: liveState: "load" must return a position of the channel, got {"epoch":"e","offset":-1}',
      ]);
    });

    it('loads again when the messages after the state were removed, until the state is new enough', async () => {
      open({ log: memoryChannelLog({ maxMessages: 2 }) });
      await say('a');
      const stale = truth;
      await say('bcdef');
      const answers = [stale, stale];
      const states = follow({ load: () => of(answers.shift() ?? truth) });
      expect(await states.take(2)).toEqual(['a', 'abcdef']);
      await say('g');
      expect(await states.take(3)).toEqual(['a', 'abcdef', 'abcdefg']);
    });

    it('when the history was lost, and emits no state of a lost epoch meanwhile', async () => {
      open();
      await say('abc');
      const lost = truth;
      const states = follow();
      await states.take(1);
      await eventually(() => expect(town.heard).toContain('channel.join'));
      const answers = [lost, lost];
      truth = { state: '', position: 'start' };
      town.restart({});
      await say('xy');
      const others = follow({ load: () => of(answers.shift() ?? truth) });
      expect(await others.take(2)).toEqual(['abc', 'xy']);
      expect(await states.take(2)).toEqual(['abc', 'xy']);
      await say('z');
      expect([await states.take(3), await others.take(3)]).toEqual([
        ['abc', 'xy', 'xyz'],
        ['abc', 'xy', 'xyz'],
      ]);
    });

    it('when the state is of another epoch, and follows an older state of this one', async () => {
      open();
      await say('abc');
      const old = truth;
      await say('de');
      const answers = [{ state: 'x', position: { epoch: 'lost', offset: 1 } }, old];
      const stale = follow({ load: () => of(answers.shift() ?? truth) });
      expect(await stale.take(4)).toEqual(['x', 'abc', 'abcd', 'abcde']);
    });
  });

  it('continues after a lost session, and after a lost connection', async () => {
    open();
    await say('a');
    const states = follow();
    await states.take(1);
    await eventually(() => expect(town.heard).toContain('channel.join'));
    town.net.cut();
    await say('b');
    await states.take(2);
    town.net.down();
    await say('c');
    town.restart();
    await say('d');
    town.net.up();
    expect(await states.take(4)).toEqual(['a', 'ab', 'abc', 'abcd']);
  });

  it('completes when the channel has ended, after all messages', async () => {
    open();
    await say('a');
    const early = truth;
    await say('b');
    await town.hall.channel('letters').end();
    const states = follow({ load: () => of(early) });
    expect([await states.ended, states.values]).toEqual(['complete', ['a', 'ab']]);
  });

  it('fails when the writer of the channel has failed, and when it may not join', async () => {
    open({ authorize: ({ channel: name, action }) => action === 'publish' || name === 'letters' });
    await say('a');
    await town.hall.channel('letters').end('out of memory');
    expect(await follow().ended).toEqual(new ChannelEndedError('letters', { status: 'failed', reason: 'out of memory' }));
    const refused = record(liveState(town.client(), 'other', { load: () => of(truth), reduce: append }));
    expect([await refused.ended, refused.values]).toEqual([new ChannelRefusedError('other', 'join', 'forbidden'), ['a']]);
  });

  it('fails with the error of reduce, and with the error of the last load', async () => {
    open();
    await say('a');
    const boom = new Error('boom');
    const states = follow({
      reduce: () => {
        throw boom;
      },
    });
    await states.take(1);
    await say('b');
    expect(await states.ended).toBe(boom);
    expect(await follow({ load: () => throwError(() => boom), retry: { ...retry, maxRetries: 2 } }).ended).toBe(boom);
    await eventually(() => expect(town.heard.at(-1)).toBe('channel.leave'));
  });

  it('completes with its wire, also while it loads', async () => {
    open();
    const wire = town.client();
    const loading = follow({ load: () => NEVER.pipe(map(() => truth)) }, wire);
    const failing = follow({ load: () => throwError(() => new Error('offline')) }, wire);
    const states = follow({}, wire);
    await states.take(1);
    wire.unsubscribe();
    expect([await loading.ended, await failing.ended, await states.ended]).toEqual(['complete', 'complete', 'complete']);
  });

  it('loads nothing, and joins nothing, after it was unsubscribed', async () => {
    open();
    await say('a');
    let stopped = 0;
    const load = () => new Observable<ChannelSnapshot<Letters>>(() => () => stopped++);
    const loading = follow({ load });
    await turn();
    loading.subscription.unsubscribe();
    const first = record(liveState(town.client(), 'letters', { load: () => of(truth), reduce: append }).pipe(take(1)));
    expect([await first.ended, stopped]).toEqual(['complete', 1]);
    await turn();
    expect(town.heard).toEqual([]);
  });

  it('keeps the order when a subscriber publishes, subscribes and unsubscribes in between', async () => {
    open();
    await say('a');
    const wire = town.client();
    const inner: ReturnType<typeof follow>[] = [];
    const outer = record(
      liveState(wire, 'letters', { load: () => of(truth), reduce: append }).pipe(
        map((state) => {
          if (state.length < 4) {
            channel(wire, 'letters').next(note('z'));
            inner.push(follow({ load: () => of({ state: '', position: positionAt(0) }) }, wire));
          }
          if (state.length === 3) inner[0]?.subscription.unsubscribe();
          return state;
        }),
      ),
    );
    expect(await outer.take(4)).toEqual(['a', 'az', 'azz', 'azzz']);
    for (const states of inner.slice(1)) expect(await states.take(5)).toEqual(['', 'a', 'az', 'azz', 'azzz']);
  });

  it('rejects invalid options at call time', () => {
    open();
    const wire = town.client();
    const options = { load: () => of(truth), reduce: append };
    expect(() => liveState(wire, 'no name', options)).toThrow('liveState: "name" must match');
    expect(() => liveState(wire, 'letters', { ...options, answerTimeout: 0 })).toThrow(RangeError);
    expect(() => liveState(wire, 'letters', { ...options, reducer: append } as never)).toThrow(
      'unknown option "reducer"; did you mean "reduce"?',
    );
    expect(() => liveState(wire, 'letters', { ...options, retry: { jitter: 2 } })).toThrow(RangeError);
  });
});
