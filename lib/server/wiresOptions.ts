import type { SchedulerLike } from 'rxjs';
import type { WireOptions } from '../wire/connectOptions.js';
import type { Rates } from './limits/rateLimit.js';
import type { ServeOptions } from './serveOptions.js';
import type { Quota } from './session/quota.js';

/** The options of the wires of a server, for both protocols. The acceptor has filled in the default values. */
export interface WiresOptions
  extends WireOptions, Required<Pick<ServeOptions, 'codecs' | 'detachedTimeout' | 'maxIdleFrames' | 'pingInterval'>> {
  readonly endpoint: string;
  readonly quota: Quota;
  /** The rate limits of the clients; `undefined` without `rateLimit`. */
  readonly rates?: Rates | undefined;
  readonly scheduler: SchedulerLike;
}
