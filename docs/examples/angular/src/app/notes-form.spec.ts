import { TestBed } from '@angular/core/testing';
import { createMessage } from 'rxwire';
import { provideWire } from 'rxwire/angular';
import { testWire } from 'rxwire/testing';
import { createService } from '../../service';
import { APP_WIRE } from './app-wire';
import type { AppMessages } from './messages';
import { NotesForm } from './notes-form';

/** The form, the server as it is, and the network between them. */
function setUp() {
  const { rooms, serve } = createService();
  const network = testWire<AppMessages>({ serve });
  TestBed.configureTestingModule({
    providers: [provideWire(() => network.wire, { token: APP_WIRE })],
  });
  const fixture = TestBed.createComponent(NotesForm);
  const page = fixture.nativeElement as HTMLElement;

  const add = async (text: string) => {
    await fixture.whenStable();
    page.querySelector('input')!.value = text;
    page.querySelector('button')!.click();
  };
  const textOf = (row: Element) =>
    [...row.children].map(({ textContent }) => textContent).join(': ');
  const rows = () => [...page.querySelectorAll('app-note-row')].map(textOf);
  return { ...network, rooms, add, rows };
}

describe('NotesForm', () => {
  it('shows an offline note as queued, and as done when the network is back', async () => {
    const { cut, restore, add, rows } = setUp();
    cut();
    await add('an owl');
    await vi.waitFor(() => expect(rows()).toEqual(['an owl: queued']));
    restore();
    await vi.waitFor(() => expect(rows()).toEqual(['an owl: done']));
  });

  it('shows a note that is on its way as sent', async () => {
    const { blackhole, wire, add, rows } = setUp();
    await vi.waitFor(() => expect(wire.state.status).toBe('connected'));
    blackhole();
    await add('an owl');
    await vi.waitFor(() => expect(rows()).toEqual(['an owl: sent']));
  });

  it('shows the notes of others, in order', async () => {
    const { rooms, add, rows } = setUp();
    rooms.channel('notes').next(createMessage('note.added', { text: 'a fox' }, { timestamp: 1 }));
    await add('an owl');
    await vi.waitFor(() => expect(rows()).toEqual(['a fox: done', 'an owl: done']));
  });
});
