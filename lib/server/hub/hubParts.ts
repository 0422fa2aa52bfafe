import type { SchedulerLike } from 'rxjs';
import type { Authorizer } from './authorizer.js';
import type { ClientTurn } from './clientTurns.js';
import type { HubChannels } from './hubChannels.js';
import type { HubSettings } from './hubOptions.js';
import type { MessageCheck } from './messageCheck.js';

/** The parts of a hub that each of its clients uses. */
export interface HubParts extends Pick<HubSettings, 'maxChannels' | 'maxMembers' | 'maxReplay' | 'lostGrace'> {
  readonly reloadGrace: number;
  readonly channels: HubChannels;
  readonly authorize: Authorizer;
  readonly check: MessageCheck;
  readonly scheduler: SchedulerLike;
  readonly report: (error: unknown) => void;
  readonly turns: () => ClientTurn;
}
