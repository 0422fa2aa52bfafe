import { VirtualTimeScheduler } from 'rxjs';
import { createRounds } from '../../lib/server/session/rounds.js';

const EVERY = 160;

function setUp() {
  const scheduler = new VirtualTimeScheduler();
  let slept = 0;
  scheduler.now = () => scheduler.frame + slept;
  const rounds = createRounds(EVERY, scheduler);
  const looks: (readonly [name: string, at: number, isLate: boolean])[] = [];
  const resident = (name: string) => ({
    part: 0,
    look: (isLate: boolean) => void looks.push([name, scheduler.frame, isLate]),
    sleep: () => void looks.push([`${name} may sleep`, scheduler.frame, false]),
  });
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
    scheduler.frame = time;
  };
  return { rounds, resident, looks, runTo, scheduler, sleep: (time: number) => void (slept += time) };
}

describe('rounds', () => {
  it('look after each half an interval after it came, and each half from then on', () => {
    const { rounds, resident, looks, runTo } = setUp();
    rounds.add(resident('a'), false);
    runTo(30);
    rounds.add(resident('b'), false);
    runTo(200);
    expect(looks).toEqual([
      ['a', 80, false],
      ['b', 110, false],
      ['a', 160, false],
      ['b', 190, false],
    ]);
  });

  it('look sooner after who was heard a moment ago', () => {
    const { rounds, resident, looks, runTo } = setUp();
    rounds.add(resident('a'), true);
    runTo(160);
    expect(looks).toEqual([
      ['a', 70, false],
      ['a', 150, false],
    ]);
  });

  it('end for who leaves, and altogether when nobody is left', () => {
    const { rounds, resident, looks, runTo, scheduler } = setUp();
    const [a, b] = [resident('a'), resident('b')];
    rounds.add(a, false);
    rounds.add(b, false);
    rounds.remove(a);
    rounds.remove(a);
    runTo(80);
    expect(looks).toEqual([['b', 80, false]]);
    rounds.remove(b);
    runTo(1_000);
    expect([looks.length, scheduler.actions.length]).toEqual([1, 0]);
  });

  it('are late, when the process has been asleep', () => {
    const { rounds, resident, looks, runTo, sleep } = setUp();
    rounds.add(resident('a'), false);
    runTo(75);
    sleep(500);
    runTo(160);
    expect(looks).toEqual([
      ['a', 80, true],
      ['a', 160, false],
    ]);
  });

  it('let newcomers sleep after a moment', () => {
    const { rounds, resident, looks, runTo } = setUp();
    rounds.welcome(resident('a'));
    rounds.welcome(resident('b'));
    runTo(1_000);
    expect(looks).toEqual([
      ['a may sleep', 20, false],
      ['b may sleep', 20, false],
    ]);
  });
});
