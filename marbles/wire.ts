import { map, type Observable } from 'rxjs';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const letter = (id: string): Message => createMessage('letter', null, { id, timestamp: 0 });
const values = { A: letter('a'), B: letter('b'), C: letter('c'), D: letter('d'), Y: letter('y'), Z: letter('z') };
const reconnect = { initialInterval: 1, maxInterval: 1 };
/** Sends the source over the wire, and emits the ids of the messages of the server. */
const exchange = (source: Observable<Message>, wire: Observable<Message> & { readonly next: (message: Message) => void }) => {
  source.subscribe((message) => wire.next(message));
  return wire.pipe(map(({ id }) => id));
};

marble(
  'sends the messages of a cut after the cut, in both directions',
  {
    ...{ operator: 'connect({ link })', values, lag: '-|', source: '-A-B-C-------------D' },
    ...{ link: '----x-----o---', server: '------Y-----------Z' },
    ...{ received: '---A---------(BC)---D', expected: '--------------y----z' },
    wire: { reconnect },
  },
  (source, { wire }) => exchange(source, wire),
);

marble(
  'at-most-once, loses the message that was on its way at the cut',
  {
    ...{ operator: "connect({ link, delivery: 'at-most-once' })", values, lag: '-|', source: '-A-B-C-------------D' },
    ...{ link: '----x-----o---', server: '------Y-----------Z' },
    ...{ received: '---A---------C------D', expected: '--------------y----z' },
    wire: { reconnect, delivery: 'at-most-once' },
  },
  (source, { wire }) => exchange(source, wire),
);
