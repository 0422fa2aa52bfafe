import { map, type Observable } from 'rxjs';
import { sendThrough } from '../lib/operators/sending/sendAll.js';
import type { SendOptions } from '../lib/operators/sending/sendOptions.js';
import { MessageDroppedError, OverflowError } from '../lib/message/errors.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const said = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });
const values = { A: said('a'), B: said('b'), C: said('c'), D: said('d') };
const dropped = new MessageDroppedError('b', 'overflow');

/** Sends over a wire of which `acks` has the last receipts: a capital letter is a message that was given up. */
const send = (source: Observable<Message>, acks: Observable<Message | string>, sent: (letter: unknown) => void, options: SendOptions) => {
  const receipts$ = acks.pipe(
    map((ack) =>
      typeof ack === 'string' ? ({ id: ack, status: 'acked' } as const) : ({ id: ack.id, status: 'dead', error: dropped } as const),
    ),
  );
  const wire = { next: sent, receipts$, isPending: () => true, state: { status: 'connected' } };
  return source.pipe(
    sendThrough(wire, options),
    map(({ id, status }) => (status === 'acked' ? id : id.toUpperCase())),
  );
};

marble(
  'sends no more than ahead messages without an outcome',
  {
    ...{ operator: 'sendThrough(wire, ahead: 2)', values, source: '-ABC-----|' },
    ...{ inputs: { acks: '-----a-b-c' }, outputs: { sent: '-AB--C' }, expected: '-----a-b-(c|)', subs: '^--------!' },
  },
  (source, { acks, sent }) => send(source, acks, sent, { ahead: 2 }),
);

marble(
  'emits the receipts in the order of the source',
  {
    ...{ operator: 'sendThrough(wire)', values, source: '-ABC----------|' },
    ...{ inputs: { acks: '-----b-c-a' }, outputs: { sent: '-ABC' }, expected: '---------(abc)|' },
  },
  (source, { acks, sent }) => send(source, acks, sent, {}),
);

marble(
  'fails with the error of a message that was given up, after the receipts before it',
  {
    ...{ operator: 'sendThrough(wire, ahead: 2)', values, source: '-ABC---------', error: dropped },
    ...{ inputs: { acks: '----B--a' }, outputs: { sent: '-AB----' }, expected: '-------(a#)', subs: '^------!' },
  },
  (source, { acks, sent }) => send(source, acks, sent, { ahead: 2 }),
);

marble(
  'goes on after a message that was given up, with emitFailed',
  {
    ...{ operator: 'sendThrough(wire, emitFailed)', values: { ...values, x: 'B' }, source: '-ABC-----|' },
    ...{ inputs: { acks: '-----aB-c-' }, outputs: { sent: '-ABC' }, expected: '-----ax-c|' },
  },
  (source, { acks, sent }) => send(source, acks, sent, { emitFailed: true }),
);

marble(
  'fails at once when more than maxBuffered messages wait',
  {
    ...{
      operator: 'sendThrough(wire, ahead: 1, maxBuffered: 2)',
      values,
      source: '-ABCD---',
      error: new OverflowError('messages that wait to be sent', 2),
    },
    ...{ inputs: { acks: '--------a' }, outputs: { sent: '-A--' }, expected: '----#', subs: '^---!' },
  },
  (source, { acks, sent }) => send(source, acks, sent, { ahead: 1, maxBuffered: 2 }),
);

marble(
  'delivers the error of the source after the receipts of the messages before it',
  {
    ...{ operator: 'sendThrough(wire)', values, source: '-AB#' },
    ...{ inputs: { acks: '----a-b' }, outputs: { sent: '-AB' }, expected: '----a-(b#)' },
  },
  (source, { acks, sent }) => send(source, acks, sent, {}),
);

marble(
  'leaves the source when it is unsubscribed',
  {
    ...{ operator: 'sendThrough(wire)', values, source: '-AB-----', unsub: '----!' },
    ...{ inputs: { acks: '---a---b' }, outputs: { sent: '-AB' }, expected: '---a', subs: '^---!' },
  },
  (source, { acks, sent }) => send(source, acks, sent, {}),
);
