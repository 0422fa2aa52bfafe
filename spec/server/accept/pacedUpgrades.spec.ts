import { type SchedulerLike, Subscription } from 'rxjs';
import { PacedUpgrades } from '../../../lib/server/accept/pacedUpgrades.js';

/** Sockets that take 4 ms each, and a turn of the event loop that the test begins. */
function start() {
  let time = 0;
  const turns: (() => void)[] = [];
  const accepted: [socket: number, at: number][] = [];
  const schedule = (run: () => void): Subscription => {
    turns.push(run);
    return Subscription.EMPTY;
  };
  const upgrades = new PacedUpgrades({ now: () => time, schedule: schedule as SchedulerLike['schedule'] });
  return {
    upgrades,
    accepted,
    turns,
    add: (...sockets: readonly number[]): void =>
      sockets.forEach((socket) =>
        upgrades.add(() => {
          accepted.push([socket, time]);
          time += 4;
        }),
      ),
    pass: (ms: number): void => void (time += ms),
    turn: (): void => turns.splice(0).forEach((run) => run()),
  };
}

describe('PacedUpgrades', () => {
  it('accepts three sockets of 4 ms in a turn, and the others in the next turns, in order', () => {
    const { add, accepted, turn, turns } = start();
    add(1, 2, 3, 4, 5, 6, 7);
    expect(accepted.map(([socket]) => socket)).toEqual([1, 2, 3]);
    turn();
    expect(accepted.map(([socket]) => socket)).toEqual([1, 2, 3, 4, 5, 6]);
    add(8);
    expect(accepted).toHaveLength(6);
    turn();
    expect(accepted.map(([socket]) => socket)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    turn();
    expect(turns).toEqual([]);
  });

  it('accepts a socket at once in a new turn', () => {
    const { add, accepted, turn } = start();
    add(1, 2, 3);
    turn();
    add(4);
    expect(accepted.map(([socket]) => socket)).toEqual([1, 2, 3, 4]);
  });

  it('is full while a socket has waited for more than a second', () => {
    const { add, upgrades, pass, turn } = start();
    add(1, 2, 3, 4);
    pass(1_000);
    expect(upgrades.isFull).toBe(false);
    pass(1);
    expect(upgrades.isFull).toBe(true);
    turn();
    expect(upgrades.isFull).toBe(false);
  });

  it('goes on when a socket throws', () => {
    const { add, upgrades, accepted, turn } = start();
    add(1, 2, 3);
    upgrades.add(() => {
      throw new Error('broken');
    });
    add(4);
    expect(turn).toThrow('broken');
    turn();
    expect(accepted.map(([socket]) => socket)).toEqual([1, 2, 3, 4]);
  });
});
