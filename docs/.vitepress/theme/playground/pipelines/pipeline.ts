import { map, of, share, Subject, tap, type Observable } from 'rxjs';
import { ackWithin, batchByKey, dedupe, memoryLink, MessagePriority, priorityMerge, retryBackoff, type Frame } from 'rxwire';
import { linkFaults } from 'rxwire/testing';

export const lines = { source: '-aA--b-----c-D---------', link: '--------x--o-----------', unsub: '-----------------------------!' };
export const outputs = ['sent', 'handled'];
export const options = { maxSize: 2, maxWait: 1, timeout: 3, retries: 5 };

const reconnect = { initialInterval: 1, maxInterval: 1 };

/** The two ends of a link on which a frame takes 1 ms. An `x` cuts it, and an `o` opens it again. */
function breakableLink(network$: Observable<string>) {
  const faults = linkFaults();
  faults.lag(1);
  network$.subscribe((letter) => (letter === 'x' ? faults.cut() : faults.restore()));
  const [near, far] = memoryLink<Frame>();
  return { near: faults.layer(near), far };
}

/** Handles each batch once, and acks each copy. */
function serve(far: (outgoing: Observable<Frame>) => Observable<Frame>, handled: (batch: string) => void): void {
  const acks = new Subject<Frame>();
  far(acks)
    .pipe(
      retryBackoff(reconnect),
      tap((batch) => acks.next(batch)),
      dedupe({ key: String }),
    )
    .subscribe((batch) => handled(String(batch)));
}

/** The two cases of a letter share a batch. A batch of one capital letter is urgent. */
export const pipeline =
  ({ maxSize, maxWait, timeout, retries }: typeof options) =>
  (
    source: Observable<string>,
    { link, sent, handled }: { link: Observable<string> } & Record<'sent' | 'handled', (batch: string) => void>,
  ) => {
    const { near, far } = breakableLink(link);
    serve(far, handled);
    const transport = new Subject<Frame>();
    const acks$ = near(transport).pipe(retryBackoff(reconnect), map(String), share());
    acks$.subscribe();
    const send = ({ id }: { readonly id: string }): void => {
      sent(id);
      transport.next(id);
    };
    return source.pipe(
      batchByKey((letter) => letter.toLowerCase(), { maxSize, maxWait }),
      map(({ items }) => ({ id: items.join('') })),
      priorityMerge((batch) => of(batch).pipe(ackWithin(acks$, timeout, { retries, send })), {
        concurrency: 1,
        priority: ({ id }) => (/^[A-Z]$/.test(id) ? MessagePriority.HIGH : MessagePriority.NORMAL),
      }),
      map(({ id }) => id),
    );
  };
