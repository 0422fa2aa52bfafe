import { asyncScheduler, firstValueFrom, isObservable } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { createNegotiatedCodec } from '../../../lib/session/codecNegotiation.js';
import { createEncoder } from '../../../lib/session/encoding.js';
import { DEFAULT_LIMITS } from '../../../lib/session/protocol/receiveLimits.js';
import { LimitedTarget } from '../../../lib/session/send/encodingTarget.js';
import { hole, InFlight, numbered, type Batch } from '../../../lib/session/send/inFlight.js';
import { createRefit } from '../../../lib/session/send/outboxRefit.js';
import { PendingMessages } from '../../../lib/session/send/pendingMessages.js';

const item = (id: string, size = 1): Message => createMessage('test.item', 'x'.repeat(size), { id });

describe('createRefit', () => {
  /** A sender whose batches were encoded before the limits were known. */
  function start(...groups: readonly (readonly Message[])[]) {
    const dead: string[] = [];
    const pending = new PendingMessages({ report: () => undefined, isWatched: () => false, onDead: ({ id }) => dead.push(id) });
    const inFlight = new InFlight(pending, asyncScheduler, () => 'json');
    const target = new LimitedTarget(createNegotiatedCodec([json({ maxDepth: 64 })]), 1_000_000);
    const encode = createEncoder(target, { onUnsendable: ({ id }, error) => pending.close(id, 'dead', { error }) });
    const batches: Batch[] = [];
    let first = 1;
    for (const messages of groups) {
      messages.forEach((message) => pending.open(message));
      const encoded = encode(messages, first);
      if (isObservable(encoded)) throw new Error('json takes no time');
      batches.push(...numbered(encoded, 'at-least-once'));
      first += messages.length;
    }
    inFlight.begin(0, 0, Infinity, batches);
    let split: Batch | undefined;
    const refit = createRefit({ inFlight, pending, encode, target }, (batch) => batch === split);
    return {
      batches,
      dead,
      pending,
      split: (batch: Batch) => (split = batch),
      async refit(rx: number, maxFrame: number): Promise<readonly Batch[] | undefined> {
        target.limit({ ...DEFAULT_LIMITS, maxFrame });
        const made = refit(rx)?.();
        return isObservable(made) ? firstValueFrom(made) : made;
      },
    };
  }
  const shown = (batches: readonly Batch[] | undefined) =>
    batches?.map(({ first, count, messages }) => [first, count, messages.map(({ id }) => id).join()]);

  it('changes nothing where all is within the limits', async () => {
    const { refit } = start([item('a'), item('b')]);
    // A codec that encodes more levels than the other side reads: the batch is encoded anew to find out, once.
    expect(shown(await refit(0, 10_000))).toEqual([[1, 2, 'a,b']]);
    expect(await refit(0, 10_000)).toBeUndefined();
  });

  it('keeps the bytes of a batch that is within the limits', async () => {
    const { refit, batches } = start([item('a'), item('b')], [item('c', 5_000)]);
    const made = await refit(0, 2_000);
    expect(made?.[0]).toBe(batches[0]);
    expect(shown(made)).toEqual([
      [1, 2, 'a,b'],
      [3, 1, ''],
    ]);
    expect(made?.[1]?.frame).toBe(hole(3, 1).frame);
  });

  it('gives up a message that alone exceeds the limits, and keeps the numbers of the others', async () => {
    const { refit, dead } = start([item('a'), item('b', 5_000), item('c', 5_000), item('d')]);
    expect(shown(await refit(0, 2_000))).toEqual([
      [1, 1, 'a'],
      [2, 2, ''],
      [4, 1, 'd'],
    ]);
    expect(dead).toEqual(['b', 'c']);
  });

  it('gives up nothing that the other side has accepted', async () => {
    const { refit, dead, pending } = start([item('a'), item('b', 5_000), item('c', 5_000), item('d')]);
    expect(shown(await refit(2, 2_000))).toEqual([
      [1, 2, 'a,b'],
      [3, 1, ''],
      [4, 1, 'd'],
    ]);
    expect(dead).toEqual(['c']);
    expect(pending.byId.has('b')).toBe(true);
    expect(await start([item('a', 5_000)]).refit(1, 2_000)).toBeUndefined();
  });

  it('gives each message of a batch a frame of its own, and skips one that was given up', async () => {
    const { refit, batches, split, pending } = start([item('a'), item('b'), item('c')]);
    await refit(0, 10_000);
    split(batches[0]!);
    pending.drop('b', 'expired');
    expect(shown(await refit(0, 10_000))).toEqual([
      [1, 1, 'a'],
      [2, 1, ''],
      [3, 1, 'c'],
    ]);
  });
});
