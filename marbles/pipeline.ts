import { map, of, share, Subject, tap, type Observable } from 'rxjs';
import type { Frame } from '../lib/io/link.js';
import { memoryLink } from '../lib/io/memoryLink.js';
import { MessagePriority } from '../lib/message/messagePriority.js';
import { ackWithin } from '../lib/operators/ackWithin.js';
import { batchByKey } from '../lib/operators/batchByKey.js';
import { dedupe } from '../lib/operators/dedupe.js';
import { priorityMerge } from '../lib/operators/priorityMerge.js';
import { retryBackoff } from '../lib/operators/retryBackoff.js';
import { linkFaults, marble } from '../lib/adapters/testing/index.js';

interface Sent {
  readonly id: string;
}

/** The lower and the upper case of a letter belong to the same batch. */
const letterOf = (item: string): string => item.toLowerCase();
/** A batch of a single capital letter is urgent. */
const priority = ({ id }: Sent): MessagePriority => (/^[A-Z]$/.test(id) ? MessagePriority.HIGH : MessagePriority.NORMAL);
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
function serve(far: (outgoing: Observable<Frame>) => Observable<Frame>, handled: (batch: Frame) => void): void {
  const acks = new Subject<Frame>();
  far(acks)
    .pipe(
      retryBackoff(reconnect),
      tap((batch) => acks.next(batch)),
      dedupe({ key: String }),
    )
    .subscribe(handled);
}

marble(
  'all five together: each batch is handled once, though the connection is cut before its ack arrives',
  {
    operator: 'batchByKey → priorityMerge → ackWithin → link and retryBackoff → dedupe',
    source: '  -aA--b-----c-D---------',
    inputs: { link: '  --------x--o-----------' },
    outputs: {
      sent: '  --y---b--b-----b-D-c---',
      handled: '---y---b----------D-c--',
    },
    expected: '----y------------b-D-c-',
    values: { y: 'aA' },
    time: { maxWait: '-|', timeout: '---|' },
    unsub: '-----------------------!',
  },
  (source, { link, sent, handled, maxWait, timeout }) => {
    const { near, far } = breakableLink(link);
    serve(far, handled);
    const transport = new Subject<Frame>();
    const acks$ = near(transport).pipe(retryBackoff(reconnect), share());
    // Between two batches nothing waits for an ack, and the connection stays.
    acks$.subscribe();
    const send = ({ id }: Sent): void => {
      sent(id);
      transport.next(id);
    };
    return source.pipe(
      batchByKey(letterOf, { maxSize: 2, maxWait }),
      map(({ items }): Sent => ({ id: items.join('') })),
      priorityMerge((batch) => of(batch).pipe(ackWithin(acks$, timeout, { retries: 5, send })), { concurrency: 1, priority }),
      map(({ id }) => id),
    );
  },
);
