import { mergeMap, type Observable, type SchedulerLike } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { ConnectionLostError } from '../errors.js';
import { CloseCode } from '../link/closeCode.js';
import { asObservable } from '../internal/maybeAsync.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import { overEnvelopes } from '../wire/overEnvelopes.js';
import type { SessionEvent } from '../session/sessionEvents.js';
import type { WireOptions } from '../wire/wireOptions.js';
import type { WireParts } from '../wire/wire.js';
import type { Attachment } from './attachment.js';
import { SessionTransport } from './session/transport.js';
import { transportLink } from './session/transportLink.js';
import { readHello, type Introduction } from './envelopeHello.js';
import type { Moved } from './idleFrames.js';
import type { Quota } from './session/quota.js';
import { PrincipalWire, type AnyWire } from './principal.js';
import { quiet } from './quiet.js';
import { randomName } from './randomName.js';
import type { Rates } from './rateLimit.js';
import { throttledCodec } from './throttledCodec.js';

export interface WiresOptions extends WireOptions {
  readonly codecs: readonly Codec[];
  readonly endpoint: string;
  readonly detachedTimeout: number;
  readonly maxIdleFrames?: number | undefined;
  readonly quota: Quota;
  /** How much clients may send, where that is limited. */
  readonly rates?: Rates | undefined;
  readonly scheduler: SchedulerLike;
}

/** All wires of a server, by the secrets of their clients: who comes back finds the wire it had. */
export function createEnvelopeWires(options: WiresOptions) {
  const { codecs, endpoint, scheduler, quota, rates, window = 1_024 } = options;
  const transports = new Map<string | symbol, SessionTransport>();
  const open = (attachment: Attachment, { codec, hello }: Introduction): AnyWire => {
    const transport = new SessionTransport(attachment, hello !== undefined, options);
    const key = hello?.session ?? Symbol();
    const giveUp = quota.take(transport.owner);
    const bucket = rates?.enter(transport.owner);
    transports.set(key, transport);

    const id = randomName();
    const { delivery = 'at-least-once' } = hello ?? {};
    const settings = { ...options, ...(hello && { greeting: welcome(id, scheduler) }), id, delivery, reconnect: false } as const;
    const leave = (): void => {
      transports.delete(key);
      giveUp();
      bucket?.leave();
    };
    const setup = {
      ...{ id, endpoint, delivery, scheduler, protocol: () => transport.latest.protocol },
      open: (parts: WireParts) => {
        const { report, moved } = progressOf(parts, window);
        const link = transportLink(transport, report, moved);
        const onFlood = (): void => transport.latest.close(CloseCode.FLOOD, 'too many messages');
        const reader = rates && bucket ? throttledCodec(codec, bucket, { rates, report, onFlood }) : codec;
        return quiet(overEnvelopes(link, reader, settings, { ...parts, report }), parts, leave);
      },
    };
    return new PrincipalWire(setup, () => transport.latest.principal);
  };

  return {
    /**
     * Emits the wire of a new client; nothing, when the client was known and has its wire already.
     *
     * @throws {ConnectionLostError} Delivered, when it may not have one.
     */
    admit(attachment: Attachment): Observable<AnyWire> {
      return asObservable(() => readHello(attachment.first, codecs)).pipe(
        mergeMap((introduction) => {
          const transport = introduction.hello && transports.get(introduction.hello.session);
          if (!transport) return [open(attachment, introduction)];
          if (transport.owner !== attachment.principal?.id)
            throw new ConnectionLostError(CloseCode.FORBIDDEN, 'not a session of this client');
          transport.takeOver(attachment);
          return [];
        }),
      );
    },
    /** Ends them all; the clients may look for another server. */
    close: (): void => {
      for (const transport of [...transports.values()]) transport.vacate();
    },
  };
}

/** Tells a client on each connection whether it found its wire again. */
function welcome(source: string, scheduler: SchedulerLike): () => Message {
  let resumed = false;
  return () => {
    const message = createMessage('system.welcome', { resumed }, { source, scheduler });
    resumed = true;
    return message;
  };
}

/** How far its session has got, by what that reports. */
function progressOf({ report, traffic }: WireParts, window: number) {
  let acked = 0;
  return {
    report: (event: SessionEvent): void => {
      if (event.kind === 'receipt' && event.receipt.status === 'acked') acked++;
      report(event);
    },
    moved: (): Moved => ({ steps: 2 * (traffic.messagesReceived + acked) + traffic.errors, open: window }),
  };
}
