import type { SessionFrame } from '../../support/protocol/frames.js';
import type { Life } from '../life.js';
import type { Connection, Side } from '../network.js';
import type { Violate } from './violation.js';

/** How long hellos are counted, in ms. */
const SPAN = 10_000;
/** The delays of a client grow to 2 s: with full jitter it says six hellos in the first two seconds, and then one each second. */
const MOST = 30;

/** Checks how often a client says hello while nothing of its messages is acked. */
export function createHandshakeChecks(now: () => number, violate: Violate) {
  const hellos = new Map<Life, number[]>();

  return {
    sent({ ends }: Connection, from: Side, { kind }: SessionFrame): void {
      if (kind !== 'hello' || from !== 'client') return;
      const { life } = ends.client;
      const recent = (hellos.get(life) ?? []).filter((at) => at > now() - SPAN);
      recent.push(now());
      hellos.set(life, recent);
      if (recent.length > MOST)
        violate('handshakes', `${life.name} says ${recent.length} hellos in ${SPAN} ms, and none of its messages was acked`);
    },
    /** An ack is progress, and so is a message. A welcome is none. */
    taken({ ends }: Connection, by: Side, { kind }: SessionFrame): void {
      if (by === 'client' && (kind === 'ack' || kind === 'msg')) hellos.delete(ends.client.life);
    },
  };
}
