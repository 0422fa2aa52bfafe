import type { Violate } from '../checks/violation.js';
import type { Chance } from '../chance.js';
import type { Clock } from '../clock.js';
import type { ChannelsPlan } from './plan.js';
import type { Content } from './poison.js';
import type { SharedLog } from './sharedLog.js';
import type { createSharedPresence } from './sharedPresence.js';

/** All that a run needs. */
export interface ChannelsSetting {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly plan: ChannelsPlan;
  readonly violate: Violate;
  readonly say: (who: string, what: () => string) => void;
  readonly shared: SharedLog;
  readonly presence: ReturnType<typeof createSharedPresence>;
  /** What each message holds, by its id. */
  readonly contents: Map<string, Content>;
  /** The ids of the messages that are not stored. */
  readonly ephemeral: Set<string>;
  readonly isCalm: () => boolean;
  /** `events`: all that members do, and that goes wrong. `requests`: those for older messages. */
  readonly counts: Record<'messages' | 'cuts' | 'crashes' | 'events' | 'requests' | 'frames' | 'errors', number>;
}
