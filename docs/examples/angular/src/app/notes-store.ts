import { Injectable, linkedSignal } from '@angular/core';
import { createMessage, type Message } from 'rxwire';
import { injectChannel, injectPending, injectWire } from 'rxwire/angular';
import { APP_WIRE } from './app-wire';
import type { AppMessages } from './messages';

export interface Note {
  /** The id of its message. */
  readonly id: string;
  readonly text: string;
  readonly timestamp: number;
  /** Whether the server has it. */
  readonly isSaved: boolean;
}

type NoteMessage = Message<'note.added', AppMessages['note.added']>;

/** The number of notes on the page. */
const MAX_NOTES = 200;

/** The notes of all people, and those of this page that are on their way. */
@Injectable({ providedIn: 'root' })
export class NotesStore {
  private readonly wire = injectWire(APP_WIRE);
  private readonly pending = injectPending(APP_WIRE, 'note.added');
  private readonly saved = injectChannel<Pick<AppMessages, 'note.added'>>('notes', {
    token: APP_WIRE,
    from: 'start',
    keep: MAX_NOTES,
  });

  /** A note stays in the list between its ack and its place in the channel, and when it has failed. */
  readonly notes = linkedSignal<readonly (readonly [NoteMessage, boolean])[], readonly Note[]>({
    source: () => [
      ...this.pending().map(({ message }) => [message, false] as const),
      ...this.saved.messages().map((message) => [message, true] as const),
    ],
    computation: (messages, previous) => {
      const notes = new Map((previous?.value ?? []).map((note) => [note.id, note]));
      for (const [message, isSaved] of messages) notes.set(message.id, toNote(message, isSaved));
      return [...notes.values()].sort((a, b) => a.timestamp - b.timestamp).slice(-MAX_NOTES);
    },
  }).asReadonly();

  /** Sends a note: now, or when there is a connection, also after a reload. */
  add(text: string): void {
    this.wire.next(createMessage('note.added', { text }));
  }
}

function toNote({ id, timestamp, payload: { text } }: NoteMessage, isSaved: boolean): Note {
  return { id, text, timestamp, isSaved };
}
