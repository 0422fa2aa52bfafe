import { Observable, type SchedulerLike } from 'rxjs';
import type { Link } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import type { WireParts, WireSetup } from '../../wire/wireSetup.js';
import { PrincipalWire, type AnyWire } from '../principal.js';
import { randomName } from '../randomName.js';
import type { Arrival, Guest, GuestOptions } from './guest.js';
import { Sleeper } from './sleeper.js';
import { Stay } from './stay.js';

/** The wire of a client that was not here, or not since the server started. `onLeft`: it has ended. */
export function openWire(guest: Guest, arrival: Arrival, options: GuestOptions, onLeft: () => void): AnyWire {
  return new PrincipalWire(new GuestSetup(guest, arrival, options, onLeft), () => guest.berth.latest.principal);
}

// eslint-disable-next-line no-restricted-syntax -- a server has one for each of its clients, and closures would take 300 bytes more
class GuestSetup implements WireSetup {
  readonly id = randomName();
  readonly delivery: Delivery;
  readonly #guest: Guest;
  readonly #options: GuestOptions;
  readonly #onLeft: () => void;
  /** Until it has begun: it is of no use then, and not small. */
  #arrival: Arrival | undefined;

  constructor(guest: Guest, arrival: Arrival, options: GuestOptions, onLeft: () => void) {
    this.delivery = arrival.hello.delivery;
    this.#guest = guest;
    this.#options = options;
    this.#onLeft = onLeft;
    this.#arrival = arrival;
  }

  get endpoint(): string {
    return this.#options.endpoint;
  }

  get scheduler(): SchedulerLike {
    return this.#options.scheduler;
  }

  get microtask(): SchedulerLike | undefined {
    return this.#options.microtask;
  }

  protocol(): string {
    return this.#guest.berth.latest.protocol;
  }

  open(parts: WireParts): Link<Message> {
    return (outgoing) =>
      new Observable((to) => {
        const guest = this.#guest;
        const stay = this.#arrival && new Stay(guest, this.#arrival, parts, { id: this.id, options: this.#options, onLeft: this.#onLeft });
        this.#arrival = undefined;
        guest.sleeper = stay && new Sleeper(to, guest.berth, stay, this.#options);
        guest.sleeper?.begin(outgoing);
      });
  }
}
