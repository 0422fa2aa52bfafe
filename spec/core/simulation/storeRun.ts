import type { Delivery } from '../../../lib/message/types.js';
import type { Chance } from '../../simulation/chance.js';
import type { CoreHost } from './host.js';
import type { LinkFaults } from './link.js';
import { Run, type Trace } from './run.js';
import { StoreOracle } from './storeOracle.js';

/** How the stores of a run behave. */
interface StoreFaults {
  /** The longest time of a write; 0: it is answered at once. */
  readonly maxDelay: number;
  /** The probabilities that a write has no room, and that it fails. */
  quota: number;
  failure: number;
}

/** Decides all that stays as it is for the whole run. */
function drawPlan(chance: Chance) {
  const linkFaults: LinkFaults = {
    maxDelay: chance.pick([0, 5, 50, 200]),
    loss: chance.pick([0, 0, 0.02]),
    repeat: chance.pick([0, 0.02]),
  };
  const storeFaults: StoreFaults = {
    maxDelay: chance.pick([0, 0, 5, 50, 400]),
    quota: chance.pick([0, 0, 0.05, 0.4]),
    failure: chance.pick([0, 0, 0.002]),
  };
  const serverInbox = chance.hit(0.7);
  const clientOutbox = chance.hit(0.8);
  return {
    linkFaults,
    storeFaults,
    clientOutbox,
    clientInbox: chance.hit(0.5) && clientOutbox,
    serverInbox,
    serverOutbox: serverInbox && chance.hit(0.6),
    // Only servers that share an inbox know the clients of each other.
    servers: serverInbox ? chance.pick([1, 1, 2]) : 1,
    isAsync: chance.hit(0.4),
    isWatched: chance.hit(0.6),
    window: chance.pick([1, 2, 8, 64]),
    bytes: chance.pick([400, 5_000, 100_000]),
    maxFrame: chance.pick([600, 100_000]),
    ackDelay: chance.pick([0, 25, 500]),
    levels: chance.pick<readonly Delivery[]>([['exactly-once'], ['exactly-once'], ['at-least-once'], ['exactly-once', 'at-least-once']]),
    ttl: chance.pick([0, 0, 0.2, 0.9]),
    bad: chance.pick([0, 0, 0.03]),
    rejects: chance.pick([0, 0.05]),
    slow: chance.pick([0, 0.3]),
    rate: chance.pick([1, 5, 20]),
    burst: chance.pick([1, 1, 10]),
    cutEvery: chance.pick([0, 600, 2_000]),
    clientCrashEvery: chance.pick([0, 1_500, 4_000]),
    takeOverEvery: chance.pick([0, 0, 3_000]),
    serverCrashEvery: chance.pick([0, 1_500, 4_000]),
    freezeEvery: chance.pick([0, 0, 3_000]),
    rollBack: chance.pick([0, 0, 0, 0.5]),
    limits: chance.hit(0.3),
  };
}

/** A run with stores. */
export class StoreRun extends Run {
  readonly plan: ReturnType<typeof drawPlan>;
  readonly oracle: StoreOracle;
  /** Those of all processes, also of those that have ended. */
  readonly hosts: CoreHost[] = [];
  /** The id of the client's outbox. */
  readonly pid: string;
  /** Whether the server has refused a client that its outbox has made forget its token. */
  isRefused = false;
  /** How many owners of stores there were. */
  owners = 0;

  constructor(seed: number, trace: Trace | undefined) {
    super(seed, trace);
    this.plan = drawPlan(this.chance);
    this.pid = this.chance.name();
    this.oracle = new StoreOracle(this.plan.serverInbox, this.plan.clientInbox);
    if (trace) this.log(JSON.stringify(this.plan));
  }
  /** All faults stop. */
  calm(): void {
    this.isCalm = true;
    Object.assign(this.plan.linkFaults, { loss: 0 });
    Object.assign(this.plan.storeFaults, { quota: 0, failure: 0 });
  }
}
