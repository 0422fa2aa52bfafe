import { Observable } from 'rxjs';
import type { Link } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { WireParts } from '../../wire/wireSetup.js';
import { PrincipalWire, type AnyWire } from '../principal.js';
import { randomName } from '../randomName.js';
import type { Arrival, Guest, GuestOptions } from './guest.js';
import { Sleeper } from './sleeper.js';
import { Stay } from './stay.js';

/** The wire of a client that was not here, or not since the server started. `onLeft`: it has ended. */
export function openWire(guest: Guest, arrival: Arrival, options: GuestOptions, onLeft: () => void): AnyWire {
  const { endpoint, scheduler, microtask } = options;
  const { delivery } = arrival.hello;
  const { berth } = guest;
  const id = randomName();
  /** Until it has begun: it is of no use then, and not small. */
  let arrived: Arrival | undefined = arrival;
  const open =
    (parts: WireParts): Link<Message> =>
    (outgoing) =>
      new Observable((to) => {
        const stay = arrived && new Stay(guest, arrived, parts, { id, options, onLeft });
        arrived = undefined;
        guest.sleeper = stay && new Sleeper(to, berth, stay, options);
        guest.sleeper?.begin(outgoing);
      });
  const setup = { id, endpoint, delivery, scheduler, ...(microtask && { microtask }), open, protocol: () => berth.latest.protocol };
  return new PrincipalWire(setup, () => berth.latest.principal);
}
