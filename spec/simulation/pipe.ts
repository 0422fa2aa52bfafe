import type { Frame } from '../../lib/index.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { LinkPlan } from './plan.js';

/** What travels over a connection: a frame, or that it is closed. */
export type Parcel = { readonly frame: Frame } | { readonly close: number; readonly reason: string };

/** One direction of a connection. */
export interface Pipe {
  send(parcel: Parcel): void;
  /** Nothing arrives for so long; then all of it does. */
  stall(delay: number): void;
  /** What is on its way arrives up to some point; nothing after that does, and nobody is told. */
  sever(): void;
}

export interface PipeOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly link: LinkPlan;
  /** Whether frames are to be lost, doubled and reordered now. */
  readonly isLossy: () => boolean;
  readonly deliver: (parcel: Parcel) => void;
}

const LOST = 0.03;
const DOUBLED = 0.05;
const REORDERED = 0.1;

export function createPipe({ clock, chance, link, isLossy, deliver }: PipeOptions): Pipe {
  const [least, most] = link.latency;
  let lastArrival = 0;
  let severedAt = Infinity;

  const travel = (at: number, parcel: Parcel): void => {
    clock.at(at, () => {
      if (at <= severedAt) deliver(parcel);
    });
  };
  const inOrder = (parcel: Parcel): void => {
    lastArrival = Math.max(lastArrival, clock.now() + chance.skewed(least, most));
    travel(lastArrival, parcel);
  };
  const asItComes = (parcel: Parcel): void => {
    if (chance.hit(LOST)) return;
    if (chance.hit(DOUBLED) && !isUnnumbered(parcel)) travel(clock.now() + chance.skewed(least, 3 * most), parcel);
    if (chance.hit(REORDERED)) travel(clock.now() + chance.skewed(least, 3 * most), parcel);
    else inOrder(parcel);
  };
  return {
    send(parcel) {
      if (isLossy() && 'frame' in parcel && !isHandshake(parcel.frame)) asItComes(parcel);
      else inOrder(parcel);
    },
    stall: (delay) => void (lastArrival = Math.max(lastArrival, clock.now() + delay)),
    sever: () => void (severedAt = Math.min(severedAt, clock.now() + chance.random() * most)),
  };
}

/** A handshake needs a link that does not double it. */
function isHandshake(frame: Frame): boolean {
  return typeof frame === 'string' && /^\["(hello|welcome)"/.test(frame);
}

/** So do messages at most once: nothing says that the second one is a repeat. */
function isUnnumbered(parcel: Parcel): boolean {
  if (!('frame' in parcel)) return false;
  const { frame } = parcel;
  return typeof frame === 'string' ? frame.startsWith('["msg",0,') : frame[0] === 1 && frame.subarray(1, 9).every((byte) => byte === 0);
}
