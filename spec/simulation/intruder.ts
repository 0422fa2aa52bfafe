import { concat, NEVER, of } from 'rxjs';
import { controlFrame } from '../support/protocol/frames.js';
import type { Hello } from '../support/protocol/handshake.js';
import type { Context } from './context.js';
import { createLife } from './life.js';

/** Somebody who has seen the client's hellos, and wants its session. */
export interface Intruder {
  intrude(): void;
}

const NAME = 'intruder';

export const isIntruder = (name: string): boolean => name === NAME;

export function createIntruder(context: Context): Intruder {
  const { chance, clock, network, welcomed } = context;

  const forge = (): Hello | undefined => {
    const latest = welcomed.at(-1);
    if (!latest?.hello.rt || !(latest.isKnown || latest.isSeen)) return undefined;
    const { hello, isSeen } = latest;
    // A client that has confirmed no welcome is forgotten after a while.
    if (!welcomed.some((one) => one.isSeen && one.hello.pid === hello.pid)) return undefined;
    const newer = { ...hello, epoch: hello.epoch + 1 };
    const guessed = { ...newer, rt: chance.name() + chance.name().slice(1) };
    // The token of a hello is of no use once its welcome has arrived; one before that is not in any case.
    const stale = isSeen ? newer : guessed;
    const older = welcomed.find((one) => one.hello.rt && one.hello.pid === hello.pid && one.hello.rt !== hello.rt);
    return chance.pick([hello, guessed, stale, older ? { ...newer, rt: older.hello.rt! } : guessed]);
  };
  return {
    intrude() {
      const hello = forge();
      if (!hello) return;
      const life = createLife({ clock, chance, name: NAME, crash: () => 0, onCrash: () => undefined });
      const frames$ = concat(of(controlFrame('hello', hello)), NEVER);
      network.link(life)(frames$).subscribe({ error: life.die, complete: life.die });
      clock.after(1_000, life.die);
    },
  };
}
