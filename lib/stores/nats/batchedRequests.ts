import type { jetstream } from '@nats-io/jetstream';
import { nanoid } from 'nanoid';
import type { Observable, SchedulerLike } from 'rxjs';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';

/** The result of `connect` of a NATS transport. */
export type NatsConnection = Parameters<typeof jetstream>[0];

export type NatsMessage = Parameters<NonNullable<NonNullable<Parameters<NatsConnection['subscribe']>[1]>['callback']>>[1];

type Request = NatsConnection['request'];

interface PendingRequest {
  readonly subject: string;
  readonly payload: Parameters<Request>[1];
  readonly headers: NonNullable<Parameters<Request>[2]>['headers'];
  /** The end of the attempt, as a time of the scheduler. */
  readonly until: number;
  readonly resolve: (answer: NatsMessage) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestsContext {
  readonly connection: NatsConnection;
  readonly scheduler: SchedulerLike;
  readonly isConnected: () => boolean;
  /** Emits the errors of the connection. Completes when it is closed. */
  readonly errors$: Observable<Error>;
}

/** How often the timeouts of requests are checked, in ms. */
const CHECK = 100;

/** No part of NATS receives a request: the stream has no leader, or JetStream is off. */
export class NoRespondersError extends Error {
  override readonly name = 'NoRespondersError';
}

/**
 * Returns the connection with another `request`, which costs a fifth. The requests of one turn of
 * the event loop are sent in one write. All share one subscription, and one timer.
 */
export function withBatchedRequests({ connection, scheduler, isConnected, errors$ }: RequestsContext): NatsConnection {
  const { inboxPrefix = '_INBOX' } = (connection as { readonly options?: { readonly inboxPrefix?: string } }).options ?? {};
  const inbox = `${inboxPrefix}.${nanoid()}`;
  /** By their ids, which are the last tokens of the subjects of the answers. */
  const pending = new Map<string, PendingRequest>();
  let unsent: string[] = [];
  let ids = 0;
  let isListening = false;

  const failWhere = (isFailed: (request: PendingRequest) => boolean, error: Error): void => {
    for (const [id, request] of pending) {
      if (!isFailed(request)) continue;
      pending.delete(id);
      request.reject(error);
    }
  };
  const timer = createCoalescedTimer(scheduler, () => {
    const now = scheduler.now();
    failWhere(({ until }) => until <= now, new Error('NATS has not answered in time'));
    if (pending.size > 0) timer.set(CHECK);
  });
  const listen = (): void => {
    isListening = true;
    connection.subscribe(`${inbox}.*`, {
      callback(error, message) {
        if (error) {
          failWhere(() => true, error);
          return;
        }
        const id = message.subject.slice(inbox.length + 1);
        const request = pending.get(id);
        pending.delete(id);
        if (message.data.length === 0 && message.headers?.code === 503) request?.reject(new NoRespondersError(request.subject));
        else request?.resolve(message);
      },
    });
    // NATS names the subject that the connection may not publish to.
    errors$.subscribe({
      next: (error) => failWhere(({ subject }) => subject === (error as { readonly subject?: unknown }).subject, error),
      complete: () => failWhere(() => true, new Error('the connection to NATS is closed')),
    });
  };
  const send = (): void => {
    const sent = unsent;
    unsent = [];
    for (const id of sent) {
      const request = pending.get(id);
      if (!request) continue;
      const { subject, payload, headers } = request;
      try {
        // The client of NATS would keep the request, and send it late.
        if (!isConnected()) throw new Error('the connection to NATS is lost');
        connection.publish(subject, payload, { reply: `${inbox}.${id}`, ...(headers && { headers }) });
      } catch (error) {
        pending.delete(id);
        request.reject(error);
      }
    }
  };
  const request: Request = (subject, payload, { timeout, headers } = { timeout: 1_000 }) =>
    new Promise((resolve, reject) => {
      if (!isListening) listen();
      const id = String(ids++);
      pending.set(id, { subject, payload, headers, until: scheduler.now() + timeout, resolve, reject });
      // eslint-disable-next-line no-restricted-globals -- the end of a turn is no time
      if (unsent.push(id) === 1) setImmediate(send);
      timer.set(CHECK);
    });
  return Object.assign(Object.create(connection) as NatsConnection, { request });
}
