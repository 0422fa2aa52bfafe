import { Subject } from 'rxjs';
import type { RequestWire } from '../../lib/operators/requests/requestTypes.js';
import type { RxwireError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Receipt } from '../../lib/message/receipt.js';
import type { Message } from '../../lib/message/types.js';

/** A wire of which the test is the other side. */
export function fakeWire(onSent: (message: Message) => void = () => undefined) {
  const messages$ = new Subject<Message>();
  const failures$ = new Subject<Receipt>();
  const arrived = new Set<string>();
  const errors$ = new Subject<RxwireError>();
  const sent: Message[] = [];
  const state: { status?: string; error?: unknown } = {};
  const next = (message: Message): void => {
    sent.push(message);
    onSent(message);
  };
  const wire: RequestWire = Object.assign(messages$.asObservable(), {
    failures$,
    errors$,
    state,
    next,
    isPending: (id: string) => !arrived.has(id),
  });
  return {
    ...{ wire, messages$, failures$, errors$, state, sent },
    /** Lets a request arrive at the other side. */
    arrive: (id: string): void => void arrived.add(id),
    sentTypes: (): readonly string[] => sent.map(({ type }) => type),
    /** Says something about a request. */
    say(type: string, correlationId: string, payload: unknown, number?: number): void {
      const metadata = number !== undefined && { metadata: { deliveryTag: String(number) } };
      messages$.next(createMessage<string, unknown>(type, payload, { correlationId, ...metadata }));
    },
    /** Whether its messages, failures and errors have subscribers. */
    listeners: (): readonly boolean[] => [messages$.observed, failures$.observed, errors$.observed],
  };
}
