import { noop, Subject } from 'rxjs';
import { createMessage, hub, type Frame, type Hub, type Link, type Message } from '../../../lib/index.js';
import { serve, type Principal, type ServerWire } from '../../../lib/server/index.js';
import { createLife, type Life } from '../life.js';
import { createNetwork, type Network } from '../network.js';
import { createFaultyLog, type FaultyLog } from './faultyLog.js';
import { codecOf, type HubPlan } from './plan.js';
import type { ChannelsSetting } from './setting.js';

/** A server with its hub, its own way to the log, and the network in front of it. Its process dies, and another one begins. */
export interface Node {
  readonly name: string;
  readonly plan: HubPlan;
  readonly network: Network;
  /** The process of now; the latest one, while there is none. */
  readonly life: Life;
  readonly log: FaultyLog;
  readonly rooms: Hub<ServerWire<Principal>>;
  readonly wires: ReadonlySet<ServerWire<Principal>>;
  /** How often its log has failed, and its process has died. */
  readonly faults: () => number;
  /** Whether the hub has served a wire: before, it does not know the codecs. */
  readonly knowsCodecs: () => boolean;
  /** The date steps, in ms. */
  step(by: number): void;
}

type Process = Pick<Node, 'life' | 'log' | 'rooms' | 'wires'> & { readonly knowsCodecs: () => boolean };

/** The key of a message is in its metadata. */
export const keyOf = ({ metadata }: Message): string => (metadata?.['key'] as string | undefined) ?? '';
export const isDeletion = ({ metadata }: Message): boolean => metadata?.['deleted'] === true;
/** The name of a message for those who join it with others. */
export const nameOf = ({ source, id }: Message): string => `${source}\n${id}`;
/** The type of a message that stands for others: its payload has their names. */
export const JOINED = 'test.joined';

export const join = (messages: readonly Message[]): Message<string, readonly string[]> => {
  const names = messages.flatMap((message) => (message.type === JOINED ? (message.payload as readonly string[]) : [nameOf(message)]));
  return createMessage<string, readonly string[]>(JOINED, names, {
    id: `joined-${messages[0]!.id}-${messages.length}`,
    timestamp: 1,
    source: 'joined',
  });
};

export function createNode(index: number, setting: ChannelsSetting): Node {
  const { clock, chance, plan, counts } = setting;
  const { latency } = plan;
  const own = plan.hubs[index]!;
  const name = `hub ${index + 1}`;
  let ahead = 0;
  let former = 0;
  const sent = (): void => {
    counts.frames++;
  };
  const network = createNetwork({
    ...{ clock, chance, plan: { latency: [latency, 3 * latency], isLossy: false, refused: 0.2 } },
    watcher: { sent, taken: noop, opened: noop, left: noop },
  });
  const start = (): Process => {
    const begun = createProcess(name, own, network, () => ahead, setting);
    begun.life.onDeath(() => {
      counts.crashes++;
      counts.events += 10;
      former += begun.log.faults() + 1;
      setting.say(name, () => 'dies');
      const restart = (): void => {
        setting.say(name, () => 'starts again');
        process = start();
      };
      clock.after(chance.skewed(50, 3_000), restart);
    });
    return begun;
  };
  let process = start();
  return {
    ...{ name, plan: own, network },
    get life() {
      return process.life;
    },
    get log() {
      return process.log;
    },
    get rooms() {
      return process.rooms;
    },
    get wires() {
      return process.wires;
    },
    faults: () => (process.life.isAlive() ? former + process.log.faults() : former),
    knowsCodecs: () => process.knowsCodecs(),
    step: (by) => void (ahead += by),
  };
}

function createProcess(name: string, own: HubPlan, network: Network, ahead: () => number, setting: ChannelsSetting): Process {
  const { clock, chance, plan, shared, counts, say, presence } = setting;
  const { maxQueued, detachedTimeout, late } = plan;
  const life = createLife({ clock, chance, name, ahead, crash: () => 0, onCrash: noop });
  const { scheduler, microtask } = life;
  const log = createFaultyLog(shared.log, { clock, chance, life, late });
  const hubPresence = presence.join(life.isAlive);
  // The others find out later that the node is dead.
  life.onDeath(() => clock.after(chance.skewed(100, 3_000), hubPresence.end));
  const rooms = hub<ServerWire<Principal>>({
    ...{ log: log.log, presence: hubPresence, maxSize: own.maxSize, lostGrace: own.lostGrace, scheduler, microtask },
    authorize: () => true,
    identify: ({ principal: { id } }) => ({ id }),
  });
  rooms.channel('keys', { key: keyOf });
  if (plan.compacts) rooms.channel('room', { compact: join });
  const report = (error: unknown, of = ''): void => {
    if (!life.isAlive()) return;
    counts.errors++;
    say(name, () => `reports${of} ${String(error)}`);
  };
  rooms.errors$.subscribe((error) => report(error));

  const wires = new Set<ServerWire<Principal>>();
  let served = 0;
  const links$ = new Subject<Link<Frame>>();
  serve(links$, {
    ...{ codecs: own.codecs.map((codec) => codecOf(codec)), maxFrame: own.maxFrame, maxQueued, detachedTimeout, pingInterval: 5_000 },
    ...{ scheduler, microtask, random: chance.random },
    authenticate: ({ token = '' }) => ({ id: token }),
  }).subscribe((wire) => {
    wire.errors$.subscribe((error) => report(error, ` of ${wire.principal.id}:`));
    served++;
    wires.add(wire);
    rooms.serve(wire).add(() => wires.delete(wire));
  });
  network.listen(life, (link) => links$.next(link));
  return { life, log, rooms, wires, knowsCodecs: () => served > 0 };
}
