import { concat, NEVER, of } from 'rxjs';
import { controlFrame } from '../../lib/session/frames.js';
import type { Hello } from '../../lib/session/handshake.js';
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
    if (!latest?.rt) return undefined;
    const newer = { ...latest, epoch: latest.epoch + 1 };
    // A token is good for two welcomes at most.
    const stale = welcomed.find(({ pid, rt }) => rt && pid === latest.pid && rt !== latest.rt);
    return chance.pick([latest, { ...newer, rt: chance.name() + chance.name().slice(1) }, stale ? { ...newer, rt: stale.rt! } : latest]);
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
