import { noop } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Delivery } from '../../message/types.js';
import type { EndpointParts } from '../../session/endpoint.js';
import { negotiable } from '../../session/negotiable.js';
import { running, type Run } from '../../session/running.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { OutboxContents, OutboxStore } from '../../session/store/outboxStore.js';
import type { WireParts } from '../../wire/wireSetup.js';
import type { SharedBucket } from '../rateLimit.js';
import type { Arrival, Guest, GuestOptions } from './guest.js';
import { createServerSide, type ServerSide } from './serverSide.js';
import type { Awake, SleeperParts, Waking } from './waking.js';
import { createThrottle, type Throttle } from './throttle.js';

export interface StayOptions {
  /** Names the wire. */
  readonly id: string;
  readonly options: GuestOptions;
  /** It has ended. */
  readonly onLeft: () => void;
}

/** What is kept of one client, whether its session is awake or not. */
// eslint-disable-next-line no-restricted-syntax -- a server has one for each of its clients, and closures would take a kilobyte more
export class Stay implements SleeperParts {
  readonly traffic: WireParts['traffic'];
  readonly report: WireParts['report'];
  readonly #guest: Guest;
  readonly #parts: WireParts;
  readonly #stay: StayOptions;
  readonly #pid: string;
  readonly #delivery: Delivery;
  readonly #codec: Codec;
  readonly #store: OutboxStore;
  readonly #bucket: SharedBucket | undefined;
  /** What was stored, until it is taken over. */
  #contents: OutboxContents | undefined;
  #cursor: Cursor | undefined;

  constructor(guest: Guest, { hello, codec, kept }: Arrival, parts: WireParts, stay: StayOptions) {
    this.traffic = parts.traffic;
    this.report = parts.report;
    this.#guest = guest;
    this.#parts = parts;
    this.#stay = stay;
    this.#pid = hello.pid;
    this.#delivery = hello.delivery;
    this.#codec = codec;
    this.#store = kept.store;
    this.#contents = kept.contents;
    this.#cursor = kept.record?.cursor;
    this.#bucket = stay.options.rates?.enter(guest.berth.owner);
  }

  wake({ link, outgoing, rest, onQuiet, onAgreed }: Waking): Awake {
    const { listening, isWatched, report } = this.#parts;
    const { id, options } = this.#stay;
    const settings = { ...options, id, delivery: this.#delivery, listening$: listening.begun(), isWatched, report };
    if (rest) this.#cursor = rest.cursor;
    let side: ServerSide;
    const start = (connected: Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life'>): Run => {
      const throttle = this.#throttle(connected.life, () => side.incoming.acknowledge());
      // What rests has nothing in its store.
      const contents = this.#contents ?? { pid: this.#pid, epoch: 0, acked: rest?.acked ?? 0, batches: [] };
      side = createServerSide({ ...this.#setup(), contents, throttle, onQuiet, onAgreed }, connected, settings);
      this.#contents = undefined;
      return { endpoint: side, connections$: side.over(link), close: noop };
    };
    return { messages$: running(outgoing, settings, start), side: () => side };
  }

  leave(): void {
    this.#store.close();
    this.#bucket?.leave();
    this.#stay.onLeft();
  }

  #setup() {
    const { peer, berth } = this.#guest;
    const others = this.#stay.options.codecs.filter((one) => one !== this.#codec);
    return {
      ...{ pid: this.#pid, peer, codec: negotiable([this.#codec, ...others]), agreed: this.#codec.name },
      ...{ store: this.#store, cursor: this.#cursor, attachment: () => berth.latest },
    };
  }

  #throttle(life: EndpointParts['life'], onTime: () => void): Throttle | undefined {
    const { rates, scheduler } = this.#stay.options;
    if (!rates || !this.#bucket) return undefined;
    return createThrottle(this.#cursor?.done ?? 0, { rates, bucket: this.#bucket, life, scheduler, report: this.report, onTime });
  }
}
