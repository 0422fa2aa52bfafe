import { TestBed } from '@angular/core/testing';
import { createMessage } from 'rxwire';
import { provideWire } from 'rxwire/angular';
import { testWire } from 'rxwire/testing';
import { APP_WIRE } from './app-wire';
import { ConnectionBar } from './connection-bar';
import type { AppMessages } from './messages';

describe('ConnectionBar', () => {
  it('shows the connection, and how many notes wait', async () => {
    const { wire, cut, restore } = testWire<AppMessages>();
    TestBed.configureTestingModule({ providers: [provideWire(() => wire, { token: APP_WIRE })] });
    const page = TestBed.createComponent(ConnectionBar).nativeElement as HTMLElement;
    const status = () => page.querySelector('.status')?.textContent;

    await vi.waitFor(() => expect(status()).toBe('online'));
    cut();
    wire.next(createMessage('note.added', { text: 'an owl' }));
    await vi.waitFor(() => expect(status()).toBe('offline, 1 waiting'));
    restore();
    await vi.waitFor(() => expect(status()).toBe('online'));
  });

  it('shows why the wire has failed', async () => {
    const { wire } = testWire<AppMessages>({ server: { authenticate: () => undefined } });
    TestBed.configureTestingModule({ providers: [provideWire(() => wire, { token: APP_WIRE })] });
    const page = TestBed.createComponent(ConnectionBar).nativeElement as HTMLElement;
    await vi.waitFor(() => expect(page.textContent).toContain('Sign in again.'));
  });
});
