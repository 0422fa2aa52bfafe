import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import {
  claim,
  deliver,
  emitOnce,
  notifyFailed,
  type Claim,
  type DeliverySession,
  type ClaimOutcome,
} from '../../../lib/wire/session/messageClaim.js';

const message = (id = 'm'): Message => createMessage('test.any', null, { id });
const terms = { canWrite: true, isOver: false, reportError: () => undefined };
const ignoring: DeliverySession = { ...terms, settle: () => undefined };

/** Delivers a message to these subscribers, and notes how the message is settled. */
function delivered(...subscribers: ((message: Message) => void)[]) {
  const settled: (readonly ClaimOutcome[])[] = [];
  const emit = (one: Message): void => subscribers.forEach((subscriber) => subscriber(one));
  deliver(message(), emit, { ...ignoring, settle: (_number, outcomes, _tracker, isAbandoned) => isAbandoned || settled.push(outcomes) });
  return settled;
}

/** Delivers a message to these subscribers, and records the numbers that the session settles and abandons. */
function ended(...subscribers: ((message: Message) => void)[]) {
  const numbers = { settled: [] as number[], abandoned: [] as number[] };
  const emit = (one: Message): void => subscribers.forEach((subscriber) => subscriber(one));
  const session: DeliverySession = {
    ...ignoring,
    settle(number, outcomes, _, isAbandoned) {
      numbers[isAbandoned ? 'abandoned' : 'settled'].push(number);
      if (isAbandoned) for (const { onAbandoned } of outcomes) onAbandoned?.();
    },
  };
  deliver(message(), emit, session, 7);
  return numbers;
}

/** A subscriber that claims, and its claim. */
function claimant() {
  const claims: Claim[] = [];
  return { claims, take: (one: Message): void => void claims.push(claim(one)!) };
}

describe('deliver', () => {
  it('settles an unclaimed message at once, also without a subscriber', () => {
    expect([delivered(), delivered(() => undefined)]).toEqual([[[]], [[]]]);
  });

  it('settles when the last claimant reports its outcome', () => {
    const [one, two] = [claimant(), claimant()];
    const settled = delivered(one.take, two.take);
    expect(settled).toEqual([]);
    two.claims[0]!.end({});
    expect(settled).toEqual([]);
    const effect = (): void => undefined;
    one.claims[0]!.end({ effect });
    expect(settled).toEqual([[{}, { effect }]]);
  });

  it('waits for all subscribers, even if the first is done before the second has it', () => {
    const two = claimant();
    const settled = delivered((one) => claim(one)?.end({}), two.take);
    expect(settled).toEqual([]);
    two.claims[0]!.end({});
    expect(settled).toEqual([[{}, {}]]);
  });

  it('lets each message be claimed while it is handed over, also when one causes the next', () => {
    const seen: boolean[] = [];
    const note = (one: Message): void => void seen.push(claim(one) !== undefined);
    delivered((outer) => {
      const inner = message('inner');
      const emit = (one: Message): void => {
        note(one);
        note(outer); // not now: the inner one is being delivered
      };
      deliver(inner, emit, ignoring);
      note(outer);
      note(inner);
    });
    expect(seen).toEqual([true, false, true, false]);
  });

  it('does not lend its claims to others when a subscriber throws', () => {
    const boom = new Error('boom');
    const fail = (): never => {
      throw boom;
    };
    expect(() => delivered(fail)).toThrow(boom);
    expect(claim(message())).toBeUndefined();
  });
});

describe('claim', () => {
  it('is nothing for a message that no session hands over', () => {
    expect(claim(message())).toBeUndefined();
  });

  it('takes a copy for the message itself', () => {
    const settled = delivered((one) => claim({ ...one })?.end({}));
    expect(settled).toEqual([[{}]]);
  });

  it('describes the session', () => {
    let isOver = false;
    const { claims, take } = claimant();
    deliver(message(), take, {
      ...ignoring,
      canWrite: false,
      get isOver() {
        return isOver;
      },
    });
    expect([claims[0]!.delivery.session.canWrite, claims[0]!.delivery.session.isOver]).toEqual([false, false]);
    isOver = true;
    expect(claims[0]!.delivery.session.isOver).toBe(true);
  });
});

describe('a claim that is abandoned', () => {
  it('leaves the message unprocessed, and abandons the other outcomes, when all claims have ended', () => {
    const [one, two, three] = [claimant(), claimant(), claimant()];
    const numbers = ended(one.take, two.take, three.take);
    const abandoned: string[] = [];
    one.claims[0]!.end({ onAbandoned: () => abandoned.push('one') });
    two.claims[0]!.abandon();
    expect([one, two].map(({ claims }) => claims[0]!.delivery.isAbandoned)).toEqual([true, true]);
    expect([numbers.abandoned, abandoned]).toEqual([[], []]);
    three.claims[0]!.end({ onAbandoned: () => abandoned.push('three') });
    expect([numbers, abandoned]).toEqual([{ settled: [], abandoned: [7] }, ['one', 'three']]);
  });

  it('waits until all subscribers have received the message', () => {
    const order: string[] = [];
    const emit = (one: Message): void => {
      claim(one)?.abandon();
      order.push('received');
    };
    deliver(message(), emit, {
      ...ignoring,
      settle: (_number, _outcomes, _tracker, isAbandoned) => order.push(isAbandoned ? 'abandoned' : 'settled'),
    });
    expect(order).toEqual(['received', 'abandoned']);
  });

  it('does not change its outcome', () => {
    const { claims, take } = claimant();
    const numbers = ended(take);
    claims[0]!.end({});
    claims[0]!.abandon();
    expect([numbers, claims[0]!.delivery.isAbandoned]).toEqual([{ settled: [7], abandoned: [] }, false]);
  });

  it('is open again after a failed commit', () => {
    const { claims, take } = claimant();
    const settled = delivered(take);
    claims[0]!.end({ onFailed: () => claims[0]!.abandon() });
    notifyFailed(settled[0]!, 'error');
    expect([settled.length, claims[0]!.delivery.isAbandoned]).toEqual([1, true]);
  });
});

describe('a delivery that is forwarded', () => {
  it('lets others claim the message, or one in its place, and ends when they have', () => {
    const [one, later] = [claimant(), claimant()];
    const settled = delivered(one.take);
    const other = message('other');
    emitOnce(one.claims[0]!.delivery, other, later.take);
    expect([claim(other), settled]).toEqual([undefined, []]);
    const effect = (): void => undefined;
    later.claims[0]!.end({ effect });
    expect(settled).toEqual([[{ effect }]]);
  });

  it('ends at once if there is no other claim', () => {
    const { claims, take } = claimant();
    const settled = delivered(take);
    emitOnce(claims[0]!.delivery, message(), () => undefined);
    expect(settled).toEqual([[]]);
  });

  it('abandons the message when another claim is abandoned', () => {
    const [one, later] = [claimant(), claimant()];
    const numbers = ended(one.take);
    emitOnce(one.claims[0]!.delivery, message(), later.take);
    later.claims[0]!.abandon();
    expect([numbers, one.claims[0]!.delivery.isAbandoned]).toEqual([{ settled: [], abandoned: [7] }, true]);
  });

  it('opens the other claims again after a failed commit', () => {
    const [one, later] = [claimant(), claimant()];
    const settled = delivered(one.take);
    emitOnce(one.claims[0]!.delivery, message(), later.take);
    const told: unknown[] = [];
    later.claims[0]!.end({ onFailed: (error) => told.push(error) });
    notifyFailed(settled[0]!, 'error');
    expect([told, settled.length]).toEqual([['error'], 1]);
    later.claims[0]!.end();
    expect(settled[1]).toEqual([]);
  });
});

describe('tellFailed', () => {
  it('reports whether the outcome has a listener', () => {
    const told: unknown[] = [];
    expect(notifyFailed([{}, { deadLetter: undefined }], 'error')).toBe(false);
    expect(notifyFailed([{}, { onFailed: (error) => told.push(error) }], 'error')).toBe(true);
    expect(told).toEqual(['error']);
  });

  it('keeps the message claimed by its failed claimants, until each has reported its outcome again', () => {
    const [one, two] = [claimant(), claimant()];
    const settled = delivered(one.take, two.take);
    const told: string[] = [];
    one.claims[0]!.end({ onFailed: () => told.push('one') });
    two.claims[0]!.end({ onFailed: () => told.push('two') });
    notifyFailed(settled[0]!, 'error');
    expect(told).toEqual(['one', 'two']);
    one.claims[0]!.end({});
    expect(settled).toHaveLength(1);
    two.claims[0]!.end({});
    expect(settled[1]).toEqual([{}, {}]);
  });

  it('waits for the second, when the first does it again at once', () => {
    const [one, two] = [claimant(), claimant()];
    const settled = delivered(one.take, two.take);
    one.claims[0]!.end({ onFailed: () => one.claims[0]!.end({}) });
    two.claims[0]!.end({ onFailed: () => undefined });
    notifyFailed(settled[0]!, 'error');
    expect(settled).toHaveLength(1);
    two.claims[0]!.end({});
    expect(settled).toHaveLength(2);
  });

  it('keeps the outcomes of the other claimants', () => {
    const [one, two] = [claimant(), claimant()];
    const settled = delivered(one.take, two.take);
    const effect = (): void => undefined;
    one.claims[0]!.end({ effect });
    two.claims[0]!.end({ onFailed: () => undefined });
    notifyFailed(settled[0]!, 'error');
    two.claims[0]!.end({});
    expect(settled[1]).toEqual([{ effect }, {}]);
  });

  it('can report more than once', () => {
    const { claims, take } = claimant();
    const settled = delivered(take);
    const end = (): void => claims[0]!.end({ onFailed: () => settled.length < 4 && end() });
    end();
    for (let time = 0; time < 3; time++) notifyFailed(settled[time]!, 'error');
    expect(settled).toHaveLength(4);
  });
});
