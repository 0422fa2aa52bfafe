import { TestBed } from '@angular/core/testing';
import { provideWire } from 'rxwire/angular';
import { testWire } from 'rxwire/testing';
import { APP_WIRE } from './app-wire';
import type { AppMessages } from './messages';
import { NotesStore } from './notes-store';

describe('NotesStore', () => {
  it('sends notes in order, each once, through a cut and a crash of the server', async () => {
    const { wire, server, cut, restore, crashServer } = testWire<AppMessages>();
    TestBed.configureTestingModule({ providers: [provideWire(() => wire, { token: APP_WIRE })] });
    const store = TestBed.inject(NotesStore);
    const received = () =>
      server.received.filter(({ type }) => type === 'note.added').map(({ payload }) => payload);

    store.add('one');
    await vi.waitFor(() => expect(received()).toEqual([{ text: 'one' }]));
    cut();
    store.add('two');
    crashServer();
    store.add('three');
    restore();
    await vi.waitFor(() =>
      expect(received()).toEqual([{ text: 'one' }, { text: 'two' }, { text: 'three' }]),
    );
  });
});
