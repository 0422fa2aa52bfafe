import { Subject, type VirtualTimeScheduler } from 'rxjs';
import type { NatsConnection } from '../../lib/stores/nats/index.js';
import type { NatsMessage } from '../../lib/stores/nats/natsContext.js';
import type { PresenceContext } from '../../lib/stores/nats/presenceWriter.js';

/** The messages of a node: `isLost` may drop one on the way to another. */
export interface Sent {
  readonly from: number;
  readonly to: number;
  readonly subject: string;
  readonly data: Uint8Array;
}

/** The plain subjects of NATS, by a virtual clock, with faults. Messages of one node arrive in their order. */
export function fakeSubjects(scheduler: VirtualTimeScheduler, delay: () => number = () => 1) {
  const nodes: { handlers: Map<string, Set<(data: Uint8Array) => void>>; isUp: boolean; up$: Subject<void>; ready: number }[] = [];
  const bus = {
    sent: [] as Omit<Sent, 'to'>[],
    isLost: (() => false) as (sent: Sent) => boolean,
    /** The connection of another node. */
    connect(maxPayload = 1_048_576) {
      const from = nodes.length;
      const self = { handlers: new Map<string, Set<(data: Uint8Array) => void>>(), isUp: true, up$: new Subject<void>(), ready: 0 };
      nodes.push(self);
      const publish = (subject: string, data: Uint8Array): void => {
        if (!self.isUp) throw new Error('there is no connection');
        if (data.length > maxPayload) throw new Error('max_payload');
        bus.sent.push({ from, subject, data });
        self.ready = Math.max(self.ready, scheduler.now() + delay());
        nodes.forEach((node, to) => {
          if (bus.isLost({ from, to, subject, data })) return;
          const deliver = (): void => {
            if (node.isUp) for (const next of [...(node.handlers.get(subject) ?? [])]) next(data);
          };
          scheduler.schedule(deliver, self.ready - scheduler.now());
        });
      };
      const listen: PresenceContext['listen'] = (subject, next) => {
        const handlers = self.handlers.get(subject) ?? new Set();
        const take = (data: Uint8Array): void => next({ subject, data } as NatsMessage);
        self.handlers.set(subject, handlers.add(take));
        return { unsubscribe: () => void handlers.delete(take) };
      };
      return {
        publish,
        connection: { publish } as unknown as NatsConnection,
        listen,
        isConnected: () => self.isUp,
        reconnected$: self.up$,
        maxPayload: () => maxPayload,
      };
    },
    cut(node: number): void {
      nodes[node]!.isUp = false;
    },
    restore(node: number): void {
      nodes[node]!.isUp = true;
      nodes[node]!.up$.next();
    },
  };
  return bus;
}
