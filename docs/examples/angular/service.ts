import type { Subscription } from 'rxjs';
import { consume, hub, ofType, type Message, type MessageIn, type Wire } from 'rxwire';
import type { AppMessages } from './src/app/messages';

/** Serves each wire of the server. Nothing in here needs Node, so the unit tests of the page use it, too. */
export function createService() {
  const rooms = hub();
  const notes = rooms.channel('notes');

  return {
    rooms,
    serve(wire: Wire<MessageIn<AppMessages>>): Subscription {
      const serving = rooms.serve(wire);
      // The client gets its ack when the note has its place in the channel.
      serving.add(
        wire
          .pipe(
            ofType('note.added'),
            consume((note) => notes.send(checked(note))),
          )
          .subscribe(),
      );
      return serving;
    },
  };
}

/** @throws {TypeError} Then the note becomes a dead letter. */
function checked(note: Message<'note.added', AppMessages['note.added']>): Message {
  const { text } = Object(note.payload) as { readonly text?: unknown };
  if (typeof text !== 'string' || text === '' || text.length > 500)
    throw new TypeError('"text" must have 1 to 500 characters');
  return note;
}
