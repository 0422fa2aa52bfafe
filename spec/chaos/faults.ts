import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcpProxy.js';
import type { Fault, Kill } from './plan.js';
import type { Actor } from './processes.js';

/** How often each thing was done. */
export interface Done {
  kills: number;
  cuts: number;
  blackHoles: number;
  refusals: number;
  weathers: number;
  /** How often the client was moved to another server, and how often a server stood still. */
  bounces: number;
  freezes: number;
  /** How often a server was stopped in order, and how often a server of NATS was killed. */
  drains: number;
  brokerKills: number;
}

export const nothingDone = (): Done => ({
  kills: 0,
  cuts: 0,
  blackHoles: 0,
  refusals: 0,
  weathers: 0,
  bounces: 0,
  freezes: 0,
  drains: 0,
  brokerKills: 0,
});

/** Does to the network what is planned; at the end the weather is fair. */
export async function breakNetwork(proxy: TcpProxy, faults: readonly Fault[], done: Done): Promise<void> {
  for (const fault of faults) {
    await sleep(fault.after);
    await befall(proxy, fault, done);
  }
}

async function befall(proxy: TcpProxy, fault: Fault, done: Done): Promise<void> {
  switch (fault.kind) {
    case 'cut':
      done.cuts += { both: proxy.cut, near: proxy.cutNear, far: proxy.cutFar }[fault.end]();
      return;
    case 'refuse':
      done.refusals++;
      proxy.refuse();
      done.cuts += proxy.cut();
      await sleep(fault.lasts);
      await proxy.accept();
      return;
    case 'blackHole':
      done.blackHoles++;
      proxy.weather(fault.climate);
      await sleep(fault.lasts);
      proxy.weather({});
      if (fault.isReset) done.cuts += proxy.cut();
      return;
    case 'weather':
      done.weathers++;
      proxy.weather(fault.climate);
      await sleep(fault.lasts);
      proxy.weather({});
      return;
  }
}

/** Kills as planned; at the end all are alive. */
export async function killActors(actors: Readonly<Record<'client' | 'server', Actor>>, kills: readonly Kill[], done: Done): Promise<void> {
  for (const { who, after, pause } of kills) {
    const dying = who === 'both' ? [actors.client, actors.server] : [actors[who]];
    await sleep(after);
    await Promise.all(dying.map((actor) => actor.kill()));
    done.kills += dying.length;
    await sleep(pause);
    await Promise.all(dying.map((actor) => actor.start()));
  }
}
