import { connect, createMessage, json, type Wire } from '../../../lib/index.js';
import { createLife, type Life } from '../life.js';
import { PATHS } from './ledger.js';
import type { HourServer } from './server.js';
import { TAIL, type HourSetting } from './setting.js';

export interface HourClient {
  readonly wire: Wire;
  readonly life: Life;
  /** Messages that are not acked. */
  readonly unacked: ReadonlySet<string>;
}

/** A client that does not die, and sends in bursts. */
export function createHourClient(name: string, server: HourServer, setting: HourSetting): HourClient {
  const { clock, chance, network, violate } = setting;
  const life = createLife({ clock, chance, name, crash: () => 0, onCrash: () => undefined });
  const unacked = new Set<string>();
  const wire = connect({
    ...{ link: network.link(life), codec: json(), delivery: 'exactly-once', id: name },
    ...{ scheduler: life.scheduler, microtask: life.microtask },
    reconnect: { initialInterval: 50, maxInterval: 2_000, random: chance.random },
  });
  wire.receipts$.subscribe(({ id, status, error }) => {
    if (status === 'dead' || status === 'expired') violate('outcome', `${id} is ${status}: ${error?.message}`);
    if (status !== 'acked' && status !== 'refused') return;
    unacked.delete(id);
    if (status === 'refused') {
      setting.ledger.refused(id);
      return;
    }
    setting.ledger.acked(
      id,
      [...server.records.queued.values()].some(({ message }) => message.id === id),
    );
  });
  wire.subscribe({ error: (error) => violate('drains', `${name} has failed: ${String(error)}`) });
  sendBursts(name, wire, unacked, setting);
  return { wire, life, unacked };
}

function sendBursts(name: string, wire: Wire, unacked: Set<string>, setting: HourSetting): void {
  const { clock, chance, plan, ledger, counts, say } = setting;
  let count = 0;
  const send = (): void => {
    const path = chance.pick(PATHS);
    const payload = chance.hit(plan.poison) ? 'poison' : 'work';
    const priority = chance.pick([0, 1, 1, 1, 2, 3] as const);
    const message = createMessage(`hour.${path}`, payload, { id: `${name}-${++count}`, timestamp: clock.now(), priority });
    ledger.sent(message, path);
    unacked.add(message.id);
    counts.messages++;
    say(name, () => `sends ${message.id} ${path} ${payload}`);
    wire.next(message);
  };
  const next = (): void => {
    clock.after(-Math.log(1 - chance.random()) * plan.pause, () => {
      if (clock.now() > plan.length + TAIL) return;
      for (let left = chance.whole(1, plan.burst); left > 0; left--) send();
      next();
    });
  };
  next();
}
