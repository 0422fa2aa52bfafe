import { Component, inject } from '@angular/core';
import { NoteRow } from './note-row';
import { NotesStore } from './notes-store';

/** A form that works offline, and the notes. */
@Component({
  selector: 'app-notes-form',
  imports: [NoteRow],
  template: `
    <h2>Notes</h2>
    <form (submit)="add($event, text)">
      <input #text aria-label="Note" placeholder="What do you see?" maxlength="500" required />
      <button>Add</button>
    </form>
    <ul>
      @for (note of store.notes(); track note.id) {
        <li><app-note-row [note]="note" /></li>
      } @empty {
        <li class="hint">No notes yet. Cut the network, and add one.</li>
      }
    </ul>
  `,
})
export class NotesForm {
  protected readonly store = inject(NotesStore);

  protected add(event: Event, input: HTMLInputElement): void {
    event.preventDefault();
    const text = input.value.trim();
    if (text === '') return;
    this.store.add(text);
    input.value = '';
  }
}
