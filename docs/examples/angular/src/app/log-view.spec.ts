import { TestBed } from '@angular/core/testing';
import { createMessage, hub } from 'rxwire';
import { provideWire } from 'rxwire/angular';
import { testWire } from 'rxwire/testing';
import { APP_WIRE } from './app-wire';
import { LogView } from './log-view';
import type { AppMessages } from './messages';

describe('LogView', () => {
  it('shows the stream from its start, and continues after a crash of the server', async () => {
    const rooms = hub();
    const write = (number: number) =>
      rooms.channel('log').next(createMessage('log.line', { number, text: 'ok' }));
    const { wire, crashServer } = testWire<AppMessages>({ serve: rooms.serve });
    TestBed.configureTestingModule({ providers: [provideWire(() => wire, { token: APP_WIRE })] });
    write(1);

    const page = TestBed.createComponent(LogView).nativeElement as HTMLElement;
    const numbers = () => [...page.querySelectorAll('b')].map(({ textContent }) => textContent);
    await vi.waitFor(() => expect(numbers()).toEqual(['1']));
    crashServer();
    write(2);
    await vi.waitFor(() => expect(numbers()).toEqual(['1', '2']));
  });
});
