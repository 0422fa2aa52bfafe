import { map, pipe, Subject } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { Frame, Link } from '../link/link.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import { envelopes, type EnvelopeOptions } from '../session/envelope/envelopes.js';
import { framed } from '../session/framed.js';
import { counted } from './traffic.js';
import type { WireParts } from './wire.js';

/** A wire's messages over a link for frames, for peers that know only envelopes and `ack` messages. */
export function overEnvelopes(
  link: Link<Frame>,
  codec: Codec,
  { id, ...options }: EnvelopeOptions & { readonly id: string; readonly maxFrame?: number },
  { listening, traffic, report }: WireParts,
): Link<Message> {
  const unsendable$ = new Subject<Receipt>();
  const messages = pipe(
    counted(traffic, options.scheduler),
    framed(codec, {
      ...options,
      onBadFrame: (error) => report({ kind: 'error', error }),
      onUnsendable: ({ id }, error) => unsendable$.next({ id, status: 'dead', error }),
    }),
    envelopes({ ...options, listening$: listening.begun(), unsendable$, report }),
  )(link);
  return (outgoing) => messages(outgoing.pipe(map((message) => (message.source ? message : { ...message, source: id }))));
}
