import { publicationOf, refusalOf, refusalOfPublication } from '../../lib/channels/publication.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ChannelEndedError, EncodeError, FrameTooLargeError, InvalidMessageError } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';
import { note } from '../support/rooms.js';

const END = createMessage('channel.ended', { status: 'completed' });

const carrierOf = (message: Message, flags: object = {}): Message =>
  createMessage('channel.publish', { channel: 'room', message, ...flags } as never);

describe('a publication', () => {
  it('has its member as the source, whatever the client claims', () => {
    const carrier = carrierOf({ ...note('hi'), source: 'another' }, { confirm: true });
    const { message, ...publication } = publicationOf(carrier, 'a');
    expect(publication).toEqual({ carrier, channel: 'room', action: 'publish', confirm: true });
    expect([message.source, message.payload, message.delivery]).toEqual(['a', 'hi', note('hi').delivery]);
  });

  it('is not stored if it is ephemeral', () => {
    expect(publicationOf(carrierOf(note('hi'), { ephemeral: true }), 'a').message.delivery).toBe('at-most-once');
  });

  it('needs another permission for an end', () => {
    expect(publicationOf(carrierOf(END), 'a').action).toBe('end');
  });

  it.each([
    ['another message of the protocol', carrierOf(createMessage('channel.presence', {} as never))],
    ['an ephemeral end', carrierOf(END, { ephemeral: true })],
    ['an end without a status', carrierOf(createMessage('channel.ended', {} as never))],
  ])('is malformed: %s', (_, carrier) => {
    expect(() => publicationOf(carrier, 'a')).toThrow(InvalidMessageError);
  });

  it('is refused for its fault first, and for a plain text that must be encrypted', () => {
    const plain = publicationOf(carrierOf(createMessage('note', 'hi', { metadata: { encrypted: true } })), 'a');
    const large = new FrameTooLargeError(2, 1, plain.message);
    expect(refusalOfPublication(plain, large)).toBe('too-large');
    expect(refusalOfPublication(plain, undefined)).toBe('not-encrypted');
    expect(refusalOfPublication(publicationOf(carrierOf(note('hi')), 'a'), undefined)).toBeUndefined();
  });

  it('is refused with the reason of an error', () => {
    const errors = [
      new ChannelEndedError('room', { status: 'completed' }),
      new FrameTooLargeError(2, 1, END),
      new EncodeError('json', 'cannot carry it', undefined, END),
      new InvalidMessageError('message', 'must have a key'),
      new Error('the log is down'),
    ];
    expect(errors.map(refusalOf)).toEqual(['ended', 'too-large', 'unsupported', 'invalid', 'failed']);
  });
});
