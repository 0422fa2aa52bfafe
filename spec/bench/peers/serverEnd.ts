import { setTimeout as sleep } from 'node:timers/promises';
import { cpuTime } from '../ways.js';
import type { ServerMethods } from './process.js';
import type { Peer, Variant } from './peer.js';

/** The server of a peer, as the methods that the benchmark calls. */
export async function serverEnd(peer: Peer, variant: Variant): Promise<ServerMethods> {
  const journal: (readonly [number: number, at: number])[] = [];
  const isNumbered = variant['numbers'] === true;
  const served = await peer.serve({
    variant,
    ...(isNumbered && { onNumber: (number: number) => void journal.push([number, Date.now()]) }),
  });
  return {
    url: () => served.url,
    cpu: () => served.cpu?.() ?? cpuTime(),
    async memory() {
      if (served.rss) return { rss: served.rss(), heap: null };
      // A collection finds garbage that the finalizers of an earlier one have left.
      for (let time = 0; time < 3; time++) {
        gc?.();
        await sleep(50);
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { rss, heap: heapUsed + external };
    },
    publish(burst) {
      if (!served.publish) throw new Error('the server does not publish');
      served.publish(burst);
    },
    journal: () => journal,
  };
}
