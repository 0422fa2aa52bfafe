import { noop, Subject } from 'rxjs';
import { hub, type ClusterPresence, type Frame, type Hub, type Link, type Message } from '../../../lib/index.js';
import { serve, type Principal, type ServerWire } from '../../../lib/server/index.js';
import { createLife, type Life } from '../life.js';
import { createNetwork, type Network } from '../network.js';
import { createFaultyLog, type FaultyLog } from './faultyLog.js';
import { codecOf, type HubPlan } from './plan.js';
import type { ChannelsSetting } from './setting.js';

/** A server with its hub, its own way to the log, and the network in front of it. */
export interface Node {
  readonly name: string;
  readonly plan: HubPlan;
  readonly life: Life;
  readonly network: Network;
  readonly log: FaultyLog;
  readonly rooms: Hub<ServerWire<Principal>>;
  /** Whether the hub has served a wire: before, it does not know the codecs. */
  readonly knowsCodecs: () => boolean;
}

/** The key of a message is in its metadata. */
export const keyOf = ({ metadata }: Message): string => (metadata?.['key'] as string | undefined) ?? '';

export function createNode(index: number, presence: ClusterPresence, setting: ChannelsSetting): Node {
  const { clock, chance, plan, shared, counts, say } = setting;
  const { maxQueued, detachedTimeout, latency, late } = plan;
  const own = plan.hubs[index]!;
  const name = `hub ${index + 1}`;
  const life = createLife({ clock, chance, name, crash: () => 0, onCrash: () => undefined });
  const { scheduler, microtask } = life;
  const log = createFaultyLog(shared.log, { clock, chance, life, late });
  const sent = (): void => {
    counts.frames++;
  };
  const network = createNetwork({
    ...{ clock, chance, plan: { latency: [latency, 3 * latency], isLossy: false, refused: 0.2 } },
    watcher: { sent, taken: noop, opened: noop, left: noop },
  });
  const rooms = hub<ServerWire<Principal>>({
    ...{ log: log.log, presence, maxSize: own.maxSize, scheduler, microtask },
    identify: ({ principal: { id } }) => ({ id }),
  });
  rooms.channel('keys', { key: keyOf });
  rooms.errors$.subscribe((error) => {
    counts.errors++;
    say(name, () => `reports ${String(error)}`);
  });

  let wires = 0;
  const links$ = new Subject<Link<Frame>>();
  serve(links$, {
    ...{ codecs: own.codecs.map((codec) => codecOf(codec)), maxFrame: own.maxFrame, maxQueued, detachedTimeout, pingInterval: 5_000 },
    ...{ scheduler, microtask, random: chance.random },
    authenticate: ({ token = '' }) => ({ id: token }),
  }).subscribe((wire) => {
    wire.errors$.subscribe((error) => {
      counts.errors++;
      say(name, () => `reports of ${wire.principal.id}: ${String(error)}`);
    });
    wires++;
    rooms.serve(wire);
  });
  network.listen(life, (link) => links$.next(link));
  return { name, plan: own, life, network, log, rooms, knowsCodecs: () => wires > 0 };
}
