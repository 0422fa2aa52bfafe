import { defer, Subject } from 'rxjs';
import { StoreError } from '../errors.js';
import { durable } from '../session/durability.js';
import type { HelloNumber, OpenedOutbox, OutboxStore } from '../session/store/outboxStore.js';
import { asOutboxOwner } from '../session/store/asOutboxOwner.js';
import { openOutbox, type OutboxParts, type OutboxWriter } from './natsOutboxWriter.js';
import { tokenOf } from './subjectStore.js';

/**
 * Returns the outboxes of a cluster: each is a subject of a stream of NATS JetStream, to which only
 * its latest owner can append, at whichever node it is. Acked batches are removed later, many at a
 * time.
 */
export function createNatsOutboxes(parts: OutboxParts): (name: string, group?: string) => OutboxStore {
  return (name, group = '') => {
    const { maxMessages, maxBytes } = parts.limits;
    const faults$ = new Subject<StoreError>();
    let writer: OutboxWriter | undefined;
    /**
     * The number of calls of `open` and `close`: an outbox that was closed while it was being
     * opened stays closed.
     */
    let calls = 0;
    const close = (): void => {
      calls++;
      writer?.close();
      writer = undefined;
    };
    const open = async (hello?: HelloNumber): Promise<OpenedOutbox> => {
      close();
      const mine = calls;
      const { corrupt, contents, ...opened } = await openOutbox({ ...parts, name: tokenOf(name), group: tokenOf(group) }, hello);
      if (mine === calls) writer = opened.writer;
      else opened.writer.close();
      for (let count = 0; count < corrupt; count++) faults$.next(new StoreError('nats', 'corrupt'));
      return contents;
    };
    return {
      isDurable: true,
      durability: durable,
      maxMessages,
      maxBytes,
      faults$,
      open: (hello) => defer(() => open(hello)),
      write: asOutboxOwner('nats', () => writer, faults$),
      close,
    };
  };
}
