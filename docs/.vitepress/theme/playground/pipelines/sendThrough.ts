import { map, type Observable } from 'rxjs';
import { createMessage, MessageDroppedError, sendThrough, type Receipt } from 'rxwire';

export const lines = { source: '-abcd------------|', acks: '----a-c-B----d-' };
export const outputs = ['sent'];
export const options = { ahead: 3, emitFailed: true };

/** A letter is the id of a message. In `acks`, a capital letter is a message that the wire has given up. */
export const pipeline =
  (limits: typeof options) =>
  (source: Observable<string>, { acks, sent }: { acks: Observable<string> } & Record<'sent', (id: string) => void>) => {
    const receipts$ = acks.pipe(
      map((letter): Receipt => {
        const id = letter.toLowerCase();
        if (letter === id) return { id, status: 'acked', attempts: 1, latency: 0 };
        return { id, status: 'dead', error: new MessageDroppedError(id, 'overflow') };
      }),
    );
    const wire = {
      next: ({ id }: { readonly id: string }) => sent(id),
      receipts$,
      isPending: () => true,
      state: { status: 'connected' as const },
    };
    return source.pipe(
      map((id) => createMessage('letter', null, { id })),
      sendThrough(wire, limits),
      map(({ id, status }) => (status === 'acked' ? id : id.toUpperCase())),
    );
  };
