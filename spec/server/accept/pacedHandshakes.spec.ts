import { PacedHandshakes } from '../../../lib/server/accept/pacedHandshakes.js';

/** Handshakes whose steps take 0.1 ms each, and turns of the event loop that the test begins. */
function start() {
  let time = 0;
  const turns: (() => void)[] = [];
  let done: number[] = [];
  let added = 0;
  const handshakes = new PacedHandshakes({ now: () => time }, (run) => turns.push(run));
  const taken = (): readonly number[] => {
    const steps = done;
    done = [];
    return steps;
  };
  const add = (kind: 'upgrade' | 'hello', count: number): void => {
    for (const last = added + count; added < last; added++) {
      const number = added;
      handshakes.add(kind, () => {
        done.push(number);
        time += 0.1;
      });
    }
  };
  return {
    handshakes,
    turns,
    add,
    pass: (ms: number): void => void (time += ms),
    /** Returns the numbers of the steps since the last call. */
    taken,
    /** Begins the next turn. Returns the number of its steps. */
    turn(): number {
      done = [];
      turns.splice(0).forEach((run) => run());
      return taken().length;
    },
  };
}

describe('PacedHandshakes', () => {
  it('takes 16 steps in the first turn, half as many more after each short turn up to 100, and all in order', () => {
    const { add, handshakes, turns } = start();
    const taken: number[] = [];
    for (let count = 0; count < 1_000; count++) handshakes.add('upgrade', () => taken.push(count));
    const counts = [taken.length];
    while (turns.length > 0) {
      const before = taken.length;
      turns.splice(0).forEach((run) => run());
      counts.push(taken.length - before);
      if (counts.length === 3) add('upgrade', 1);
    }
    expect(counts.slice(0, 7)).toEqual([16, 24, 36, 54, 81, 100, 100]);
    expect(taken).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
  });

  it('is full while an upgrade waits too long, also if no hello does', () => {
    const { handshakes, add, pass, turn } = start();
    add('upgrade', 1_000);
    pass(1_001);
    expect(handshakes.isFull).toBe(true);
    add('hello', 1);
    expect(handshakes.isFull).toBe(true);
    while (handshakes.isFull) turn();
  });

  it('takes fewer steps in a turn after one that took long', () => {
    const { add, pass, turn } = start();
    add('upgrade', 1_000);
    expect(turn()).toBe(24);
    pass(12.6);
    // The turn took 15 ms.
    expect(turn()).toBe(16);
    expect(turn()).toBe(24);
  });

  it('takes a step for each ms of a turn, at least', () => {
    const { add, pass, turn } = start();
    add('upgrade', 1_000);
    for (let turns = 0; turns < 5; turns++) {
      pass(20);
      turn();
    }
    pass(20);
    expect(turn()).toBe(23);
  });

  it('remembers how long a turn took, also if no step waits', () => {
    const { add, pass, taken, turn } = start();
    add('upgrade', 10);
    pass(14);
    expect(turn()).toBe(0);
    add('upgrade', 50);
    expect(taken()).toHaveLength(15);
  });

  it('begins anew after a turn with few steps', () => {
    const { add, pass, taken, turn, turns } = start();
    add('upgrade', 10);
    pass(99);
    turn();
    add('upgrade', 1);
    turn();
    expect(turns).toEqual([]);
    add('upgrade', 50);
    expect(taken()).toHaveLength(16);
  });

  it('takes the hellos that wait before the upgrades that wait', () => {
    const { add, taken, turns } = start();
    add('upgrade', 20);
    add('hello', 2);
    taken();
    turns.splice(0).forEach((run) => run());
    expect(taken()).toEqual([20, 21, 16, 17, 18, 19]);
  });

  it.each(['upgrade', 'hello'] as const)('is full while a step of the kind %s has waited for more than a second', (kind) => {
    const { add, handshakes, pass, turn } = start();
    add(kind, 17);
    pass(1_000);
    expect(handshakes.isFull).toBe(false);
    pass(1);
    expect(handshakes.isFull).toBe(true);
    turn();
    expect(handshakes.isFull).toBe(false);
  });

  it('goes on when a step throws', () => {
    const { add, handshakes, turn, taken } = start();
    add('upgrade', 16);
    handshakes.add('upgrade', () => {
      throw new Error('broken');
    });
    add('upgrade', 3);
    expect(turn).toThrow('broken');
    expect(taken()).toEqual([]);
    expect(turn()).toBe(3);
  });

  it('takes the steps that wait in the next turn of the event loop, without a timer', async () => {
    const handshakes = new PacedHandshakes({ now: () => performance.now() });
    const order: string[] = [];
    for (let count = 0; count < 16; count++) handshakes.add('hello', () => order.push('step'));
    setTimeout(() => order.push('timer'), 50);
    await new Promise<void>((resolve) => handshakes.add('hello', resolve));
    expect(order).toHaveLength(16);
  });
});
