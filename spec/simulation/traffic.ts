import { compose, composeNotice, drawLevel, type Attended } from './attend.js';
import type { Context } from './context.js';
import type { Side } from './network.js';

/** Sends in bursts, at random times of the storm, from whoever runs then on one side. */
export function sendBursts(side: Side, applications: () => readonly Attended[], context: Context): void {
  const { chance, clock, plan } = context;
  const { bursts, burst } = plan[side];
  let count = 0;

  const send = (): void => {
    // A crash in the middle of a burst takes the rest of it along.
    const application = applications().at(-1);
    if (application) application.send(compose(`${side.slice(0, 1)}${++count}`, side, context));
  };
  for (let index = 0; index < bursts; index++) {
    const at = chance.random() * plan.storm;
    const size = chance.whole(1, burst);
    const gap = chance.pick([0, 0, 3, 50]);
    for (let nth = 0; nth < size; nth++) clock.after(at + nth * gap, send);
  }
}

/** Sends a little at random times of the storm: up to three messages in one go, mostly of one level. */
export function sendNotices(side: Side, applications: () => readonly Attended[], context: Context): void {
  const { chance, clock, plan } = context;
  let count = 0;

  const send = (): void => {
    const level = drawLevel(chance);
    const isMixed = chance.hit(0.1);
    for (let left = chance.pick([1, 1, 1, 2, 3]); left > 0; left--) {
      applications()
        .at(-1)
        ?.send(composeNotice(`${side.slice(0, 1)}n${++count}`, isMixed ? drawLevel(chance) : level, context));
    }
  };
  for (let left = plan[side].notices; left > 0; left--) clock.after(chance.random() * plan.storm, send);
}
