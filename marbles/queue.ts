import { ignoreElements, map, merge, tap, timer, type Observable } from 'rxjs';
import { queue } from '../lib/operators/queue/queue.js';
import type { ProcessOptions, QueueOptions } from '../lib/operators/queue/queueOptions.js';
import { createMessage } from '../lib/message/createMessage.js';
import { MessagePriority } from '../lib/message/messagePriority.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

type Options = QueueOptions<Message> &
  Pick<ProcessOptions<Message, unknown>, 'concurrency'> & { readonly dropped?: (letter: string) => void };

/** Capital letters are urgent. */
const message = (letter: string): Message =>
  createMessage('test.letter', letter, { timestamp: 0, priority: letter < 'a' ? MessagePriority.HIGH : MessagePriority.NORMAL });
const letterOf = ({ message: { payload } }: { readonly message: Message }): string => String(payload);
const work = (): Observable<unknown> => timer(3);

/** A queue that one processor works on; it ends with its source. */
const queued =
  ({ dropped, concurrency = 1, ...options }: Options) =>
  (source: Observable<string>): Observable<string> => {
    const { next, process, drops$, close } = queue('letters', options);
    drops$.subscribe((drop) => dropped?.(letterOf(drop)));
    const arrivals$ = source.pipe(tap({ next: (letter) => next(message(letter)), complete: close }), ignoreElements());
    return merge(process(work, { concurrency }).pipe(map(letterOf)), arrivals$);
  };

marble(
  'processes the most urgent of what waits next, and equals as they came',
  { operator: "queue('letters'), takes 3 ms", source: '-abCD----------|', expected: '----a--C--D--b-|' },
  (source) => source.pipe(queued({})),
);

marble(
  'processes messages in the order of arrival with the order fifo',
  { operator: "queue('letters', order: 'fifo'), takes 3 ms", source: '-abCD----------|', expected: '----a--b--C--D-|' },
  (source) => source.pipe(queued({ order: 'fifo' })),
);

marble(
  'has several processors, or one for several messages',
  { operator: "queue('letters'), takes 3 ms, concurrency: 2", source: '-abCD-----|', expected: '----ab-CD-|' },
  (source) => source.pipe(queued({ concurrency: 2 })),
);

marble(
  'drops the oldest when it is full, and says so',
  {
    operator: "queue('letters', maxSize: 1), takes 3 ms",
    source: '  -abc-------|',
    expected: '----a--c---|',
    outputs: { dropped: '---b' },
  },
  (source, { dropped }) => source.pipe(queued({ maxSize: 1, dropped })),
);

marble(
  'drops what has waited for maxAge, on time',
  {
    operator: "queue('letters', maxAge: 2 ms), takes 3 ms",
    source: '  -ab---c---|',
    expected: '----a----c|',
    outputs: { dropped: '----b' },
    time: { maxAge: '--|' },
  },
  (source, { maxAge, dropped }) => source.pipe(queued({ maxAge, dropped })),
);

marble(
  'counts maxAge from the timestamp of each message, 0 here, with ageFrom timestamp',
  {
    operator: "queue('letters', maxAge: 6 ms, ageFrom: 'timestamp'), takes 3 ms",
    source: '  -ab-----c---|',
    expected: '----a--b----|',
    outputs: { dropped: '--------c' },
    time: { maxAge: '------|' },
  },
  (source, { maxAge, dropped }) => source.pipe(queued({ maxAge, ageFrom: 'timestamp', dropped })),
);

marble(
  'drops what waits when it is closed, and ends when what runs is done',
  {
    operator: "queue('letters'), takes 3 ms",
    source: '  -ab|',
    expected: '----(a|)',
    outputs: { dropped: '---b' },
  },
  (source, { dropped }) => source.pipe(queued({ dropped })),
);
