import { Observable } from 'rxjs';
import { ConnectionLostError, type Frame, type Link } from '../../lib/index.js';
import { helloFrame } from '../support/sessionFrames.js';
import type { Chance } from './chance.js';
import type { Context } from './context.js';
import type { Life } from './life.js';

/** The token of a stranger's hello: its wires are nobody's. */
export const STRANGER = 'stranger';

/** The mean time between two strangers, in ms. A burst of them comes within a few ms. */
const EVERY = 4_000;
const BURST = 12;

/** Lets strangers connect to the servers of a story: they say hello, send what nobody expects, and go without a word. */
export function inviteStrangers(context: Context): void {
  const { clock, network, say, isCalm } = context;
  const chance = context.streams.strangers;
  const come = (): void => {
    if (!isCalm()) network.visit((life) => strangerTo(life, context), chance.whole(0, context.plan.owners - 1));
  };
  const next = (): void => {
    clock.after(-Math.log(1 - chance.random()) * EVERY, () => {
      if (isCalm()) return;
      const count = chance.hit(0.2) ? BURST : 1;
      say('network', () => `brings ${count} strangers`);
      for (let index = 0; index < count; index++) clock.after(chance.whole(0, 5), come);
      next();
    });
  };
  next();
}

/** The server's end of a connection of a stranger. */
function strangerTo(life: Life, { clock, streams }: Context): Link<Frame> {
  const chance = streams.strangers;
  return (outgoing$) =>
    new Observable((subscriber) => {
      subscriber.add(outgoing$.subscribe({ error: (error: unknown) => subscriber.error(error), complete: () => subscriber.complete() }));
      const later = (delay: number, task: () => void): void =>
        clock.after(delay, () => life.whenRunning(() => life.isAlive() && !subscriber.closed && task()));
      const pid = chance.name();
      const hello = (): string => helloFrame({ pid, n: ++attempts, token: STRANGER, id: STRANGER });
      let attempts = 0;
      const say = (left: number): void => {
        if (left > 0) subscriber.next(rudeFrame(chance, hello));
        if (left > 0) later(chance.skewed(0, 200), () => say(left - 1));
      };
      later(0, () => {
        subscriber.next(hello());
        later(chance.skewed(0, 500), () => say(chance.whole(0, 6)));
      });
      later(chance.skewed(1, 4_000), () => subscriber.error(new ConnectionLostError(1006, '')));
    });
}

/** Draws a frame that no client sends: of no form, of what never was, or far too much. */
function rudeFrame({ pick, whole }: Chance, hello: () => string): Frame {
  return pick<() => Frame>([
    () => '{}',
    () => '["ack",1000,1024]',
    () => `["ack",0,${whole(0, 1_024)}]`,
    () => '["skip",[1,5,9007199254740991]]',
    () => `["ping",${whole(0, 9)}]`,
    () => '["msg",1,3,[]]',
    () => '["reject",[]]',
    () => new Uint8Array([1, 2, 3]),
    () => '["bye",0]',
    hello,
  ])();
}
