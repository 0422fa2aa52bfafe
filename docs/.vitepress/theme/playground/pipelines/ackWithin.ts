import { map, type Observable } from 'rxjs';
import { ackWithin } from 'rxwire';

export const lines = { source: '-a-b----------|', acks: '-----a------b' };
export const outputs = ['sent', 'dead'];
export const options = { timeout: 3, retries: 2 };

/** A letter is the id of a message. */
export const pipeline =
  ({ timeout, retries }: typeof options) =>
  (source: Observable<string>, { acks, sent, dead }: { acks: Observable<string> } & Record<'sent' | 'dead', (id: string) => void>) =>
    source.pipe(
      map((id) => ({ id })),
      ackWithin(acks, timeout, { retries, send: ({ id }) => sent(id), onDead: ({ id }) => dead(id) }),
      map(({ id }) => id),
    );
