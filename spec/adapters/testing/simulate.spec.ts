import { asapScheduler, asyncScheduler, map, NEVER, of, Subject, Subscription } from 'rxjs';
import {
  consume,
  createMessage,
  dedupe,
  idempotent,
  memoryResults,
  ofType,
  pendingOf,
  resequence,
  type Message,
} from '../../../lib/index.js';
import { runMarble, simulate, SimulationError, type SimulationOptions, type SimulationStory } from '../../../lib/adapters/testing/index.js';

/** The error of a simulation that must fail. */
function failure(story: SimulationStory, options: SimulationOptions): SimulationError {
  try {
    simulate(story, options);
  } catch (error) {
    if (error instanceof SimulationError) return error;
    throw error;
  }
  throw new Error('no seed failed');
}

function assertOnce(effects: readonly string[]): void {
  const twice = effects.find((effect, index) => effects.indexOf(effect) !== index);
  if (twice !== undefined) throw new Error(`${twice} was charged twice`);
}

/** Orders that a handler charges, which takes time, at a server that crashes and has no inbox. */
const charging =
  (isIdempotent: boolean): SimulationStory =>
  ({ testWire, during, pause }) => {
    const charged: string[] = [];
    const store = memoryResults();
    const charge = ({ id }: Message) => pause(20).pipe(map(() => void charged.push(id)));
    const handle = isIdempotent ? (order: Message) => of(order).pipe(idempotent(charge, { store })) : charge;
    const { wire } = testWire({ serve: (served) => served.pipe(ofType('order'), consume(handle)).subscribe() });
    let sent = 0;
    during(20, (index) => {
      sent++;
      wire.next(createMessage<string, unknown>('order', null, { id: `order ${index}` }));
    });
    return {
      always: () => assertOnce(charged),
      atEnd: () => {
        if (charged.length < sent) throw new Error(`only ${charged.length} of ${sent} orders were charged`);
      },
    };
  };

describe('simulate', () => {
  it('finds a pipeline without idempotent within 200 seeds, and says how to run the seed again', () => {
    const found = failure(charging(false), { seeds: 200 });
    expect(found.cause).toMatchObject({ message: expect.stringMatching(/^order \d+ was charged twice$/) as unknown });
    const { replay, events } = found;
    expect(found.message).toContain(`run it again with { replay: '${replay}' }`);
    expect(failure(charging(false), { replay }).message).toContain('was charged twice');
    // One crash, between an effect and its ack, and one order are enough.
    expect(events.filter(({ id }) => id.startsWith('s'))).toHaveLength(1);
    expect(events.filter(({ text }) => text === 'the server crashes')).toHaveLength(1);
  });

  it('finds nothing in the same pipeline with idempotent', () => {
    const { seeds, steps, faults } = simulate(charging(true), { seeds: 200 });
    expect([seeds, steps]).toEqual([200, 4_000]);
    expect(faults).toBeGreaterThan(500);
  });

  it('has the same events for the same seed, and others for another seed', () => {
    const story: SimulationStory = ({ testWire, during }) => {
      testWire();
      during(3, () => undefined);
      return {
        atEnd: () => {
          throw new Error('stop');
        },
      };
    };
    const [one, same, other] = ['1', '1', '2'].map((replay) => failure(story, { replay }).events);
    expect(one?.length).toBeGreaterThan(3);
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
  });

  it('shrinks a failure that needs no event to no events', () => {
    const found = failure(({ during, testWire }) => {
      const { wire } = testWire();
      during(5, (index) => wire.next(createMessage('counted', index)));
      return { atEnd: () => { throw new Error('always'); } }; // prettier-ignore
    }, { seeds: 3 }); // prettier-ignore
    expect(found.events).toEqual([]);
    expect(found.replay).toBe('1:');
    expect(found.message).toMatch(/^seed 1 fails, with 0 of its \d+ events:/);
  });

  it('keeps the order of a wire through all faults but crashes', () => {
    const { seeds } = simulate(
      ({ testWire, during }) => {
        const { wire, server } = testWire();
        const received: unknown[] = [];
        wire.subscribe(({ payload }) => received.push(payload));
        const sent: number[] = [];
        during(30, (index) => {
          sent.push(index);
          wire.next(createMessage('up', index));
          server.next(createMessage('down', index));
        });
        return {
          atEnd: () => {
            expect(server.received.map(({ payload }) => payload)).toEqual(sent);
            expect(received).toEqual(sent);
          },
        };
      },
      { seeds: 100, faults: { crashes: false } },
    );
    expect(seeds).toBe(100);
  });

  it('loses, doubles and delays the values of a pipeline of its own', () => {
    const story =
      (isMended: boolean): SimulationStory =>
      ({ during, unreliable }) => {
        const source = new Subject<{ readonly id: string; readonly n: number }>();
        const seen: number[] = [];
        const sent = source.pipe(unreliable());
        const mended = sent.pipe(dedupe({ key: ({ id }) => id }), resequence(({ n }) => n, { maxWait: 1_000 })); // prettier-ignore
        (isMended ? mended : sent).subscribe(({ n }) => seen.push(n));
        during(10, (n) => source.next({ id: `${n}`, n }));
        return { always: () => seen.reduce((last, n) => { if (n <= last) throw new Error(`${n} after ${last}`); return n; }, -1) }; // prettier-ignore
      };
    expect(failure(story(false), { seeds: 20 }).message).toMatch(/value \d+ of pipe 0 (is late|arrives twice)/);
    expect(simulate(story(true), { seeds: 100 }).faults).toBeGreaterThan(50);
  });

  it.each(['client', 'server'])('fails when a subscriber of the %s throws', (side) => {
    const fail = (): never => {
      throw new Error('the subscriber has failed');
    };
    const story: SimulationStory = ({ testWire, during }) => {
      const { wire, server } = testWire({ serve: (served) => served.subscribe(side === 'server' ? fail : () => undefined) });
      if (side === 'client') wire.subscribe(fail);
      during(1, () => {
        wire.next(createMessage('x', 1));
        server.next(createMessage('x', 1));
      });
      return {};
    };
    expect(failure(story, { seeds: 1 }).message).toContain('the subscriber has failed');
  });

  it('runs 1,000 seeds', () => {
    expect(simulate(charging(true), { seeds: 1_000, firstSeed: 1_000 }).seeds).toBe(1_000);
  });

  it('leaves nothing in the schedulers of RxJS, also when a seed fails', () => {
    const story: SimulationStory = ({ testWire, during }) => {
      const { wire } = testWire();
      pendingOf(wire).subscribe();
      let sent = 0;
      during(5, () => wire.next(createMessage('counted', sent++)));
      return {
        always: () => {
          if (sent > 3) throw new Error('too many');
        },
      };
    };
    const { replay, events } = failure(story, { seeds: 1 });
    expect(events.filter(({ id }) => id.startsWith('s'))).toHaveLength(4);
    expect(events).toHaveLength(4);
    expect(failure(story, { replay }).message).toContain('too many');
    expect((asapScheduler as unknown as { readonly actions: readonly unknown[] }).actions).toEqual([]);
  });

  it('finds a double effect also where each ack is sent at once', () => {
    const story: SimulationStory = ({ testWire, during }) => {
      const effects: string[] = [];
      const { wire } = testWire({ serve: (served) => served.pipe(consume(({ id }) => void effects.push(id))).subscribe() });
      wire.receipts$.subscribe();
      during(20, (index) => wire.next(createMessage('order', null, { id: `order ${index}` })));
      return { always: () => assertOnce(effects) };
    };
    expect(failure(story, { seeds: 200 }).message).toContain('was charged twice');
  });

  it('refuses a promise, for which virtual time does not wait', () => {
    const step: SimulationStory = ({ during }) => {
      during(1, async () => Promise.resolve());
      return {};
    };
    expect(failure(step, { seeds: 1 }).message).toContain('a step must not return a promise');
    const story = (() => Promise.resolve({})) as unknown as SimulationStory;
    expect(failure(story, { seeds: 1 }).message).toContain('the story must not return a promise');
  });

  it('refuses numbers that are out of range, and a replay that is none', () => {
    expect(() => simulate(() => ({}), { seeds: 0 })).toThrow(RangeError);
    expect(() => simulate(() => ({}), { replay: '4:s0,zz' })).toThrow('"replay" names s0, which is no event of seed 4');
    expect(() => simulate(() => ({}), { replay: 'x' })).toThrow('"replay" must be a seed');
  });
});

describe('virtual time', () => {
  it('survives a timer that cancels another one of the same time', () => {
    // RxJS 7.8 throws here: "Expected a due immediate or interval".
    runMarble({ source: '', expected: '-' }, () => {
      const later = new Subscription();
      asyncScheduler.schedule(() => later.add(asyncScheduler.schedule(() => undefined, 4)), 1);
      asapScheduler.schedule(() => later.unsubscribe(), 5);
      asyncScheduler.schedule(() => asapScheduler.schedule(() => later.unsubscribe()), 5);
      return NEVER;
    });
  });
});
