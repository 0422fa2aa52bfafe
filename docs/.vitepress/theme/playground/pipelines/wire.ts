import { filter, finalize, map, type Observable } from 'rxjs';
import { createMessage } from 'rxwire';
import { testWire } from 'rxwire/testing';

export const lines = {
  source: '-a-b-c---------------d--',
  link: '----x------o------------',
  server: '------y-----------z-----',
  unsub: '----------------------------------------!',
};
export const outputs = ['received', 'acked'];
export const choices = { delivery: ['at-least-once', 'at-most-once'] as const };
export const options = { lag: 1, delivery: 'at-least-once' as (typeof choices.delivery)[number] };

type Outputs = Record<'received' | 'acked', (id: string) => void>;

/** A client sends the letters of `source`, and its server those of `server`. In `link`, `x` cuts the network, and `o` opens it. */
export const pipeline =
  (settings: typeof options) =>
  (source: Observable<string>, { link, server, received, acked }: Record<'link' | 'server', Observable<string>> & Outputs) => {
    const { wire, server: other, cut, restore, close } = testWire({ ...settings, reconnect: { initialInterval: 1, maxInterval: 1 } });
    const letter = (id: string) => createMessage('letter', null, { id });
    other.received$.subscribe(({ id }) => received(id));
    wire.receipts$.pipe(filter(({ status }) => status === 'acked')).subscribe(({ id }) => acked(id));
    link.subscribe((event) => (event === 'x' ? cut() : restore()));
    server.subscribe((id) => other.next(letter(id)));
    source.subscribe((id) => wire.next(letter(id)));
    return wire.pipe(
      map(({ id }) => id),
      finalize(close),
    );
  };
