import { VirtualTimeScheduler } from 'rxjs';
import { createKeepaliveTimer } from '../../../lib/server/session/keepaliveTimer.js';

const EVERY = 160;

function setUp() {
  const scheduler = new VirtualTimeScheduler();
  let slept = 0;
  scheduler.now = () => scheduler.frame + slept;
  const timer = createKeepaliveTimer(EVERY, scheduler, 50);
  const looks: (readonly [name: string, at: number, isLate: boolean])[] = [];
  const session = (name: string) => ({
    part: 0,
    check: (isLate: boolean) => void looks.push([name, scheduler.frame, isLate]),
    hibernate: () => void looks.push([`${name} may sleep`, scheduler.frame, false]),
  });
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
    scheduler.frame = time;
  };
  return { timer, session, looks, runTo, scheduler, sleep: (time: number) => void (slept += time) };
}

describe('the keepalive timer', () => {
  it('check each session half an interval after its start, and then every half interval', () => {
    const { timer, session, looks, runTo } = setUp();
    timer.add(session('a'), 0);
    runTo(30);
    timer.add(session('b'), 30);
    runTo(200);
    expect(looks).toEqual([
      ['a', 80, false],
      ['b', 110, false],
      ['a', 160, false],
      ['b', 190, false],
    ]);
  });

  it('checks a session half an interval after its last check, or somewhat sooner', () => {
    const { timer, session, looks, runTo } = setUp();
    timer.add(session('a'), -10);
    runTo(160);
    expect(looks).toEqual([
      ['a', 70, false],
      ['a', 150, false],
    ]);
  });

  it('end for a session that leaves, and stop with the last one', () => {
    const { timer, session, looks, runTo, scheduler } = setUp();
    const [a, b] = [session('a'), session('b')];
    timer.add(a, 0);
    timer.add(b, 0);
    timer.remove(a);
    timer.remove(a);
    runTo(80);
    expect(looks).toEqual([['b', 80, false]]);
    timer.remove(b);
    runTo(1_000);
    expect([looks.length, scheduler.actions.length]).toEqual([1, 0]);
  });

  it('are late, when the process has been asleep', () => {
    const { timer, session, looks, runTo, sleep } = setUp();
    timer.add(session('a'), 0);
    runTo(75);
    sleep(500);
    runTo(160);
    expect(looks).toEqual([
      ['a', 80, true],
      ['a', 160, false],
    ]);
  });

  it('lets sessions hibernate after hibernateAfter, and new ones after 20 ms', () => {
    const { timer, session, looks, runTo } = setUp();
    timer.settle(session('a'), false);
    timer.settle(session('b'), false);
    timer.settle(session('new'), true);
    const gone = session('gone');
    timer.settle(gone, false);
    timer.settle(gone, true);
    timer.remove(gone);
    runTo(1_000);
    expect(looks).toEqual([
      ['new may sleep', 20, false],
      ['a may sleep', 50, false],
      ['b may sleep', 50, false],
    ]);
  });

  it('finds the check of each session late after a sleep of the process, whichever part it is in', () => {
    const { timer, session, looks, runTo, sleep } = setUp();
    timer.add(session('a'), 0);
    runTo(40);
    timer.add(session('b'), 40);
    runTo(75);
    sleep(100_000);
    runTo(200);
    expect(looks.filter(([, , isLate]) => isLate).map(([name]) => name)).toEqual(['a', 'b']);
  });
});
