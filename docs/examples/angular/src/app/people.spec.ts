import { TestBed } from '@angular/core/testing';
import { channel, connect, hub } from 'rxwire';
import { provideWire } from 'rxwire/angular';
import { testWire } from 'rxwire/testing';
import { APP_WIRE } from './app-wire';
import type { AppMessages } from './messages';
import { People } from './people';

describe('People', () => {
  it('shows this person and the others, until they leave', async () => {
    const { wire, link } = testWire<AppMessages>({ serve: hub().serve });
    TestBed.configureTestingModule({ providers: [provideWire(() => wire, { token: APP_WIRE })] });
    const page = TestBed.createComponent(People).nativeElement as HTMLElement;
    const names = () => [...page.querySelectorAll('li')].map(({ textContent }) => textContent);
    await vi.waitFor(() => expect(names()).toEqual(['Guest']));

    const other = connect({ link });
    channel(other, 'lobby').updatePresence({ name: 'Ann' });
    const membership = channel(other, 'lobby').subscribe();
    await vi.waitFor(() => expect(names()).toEqual(['Guest', 'Ann']));
    membership.unsubscribe();
    await vi.waitFor(() => expect(names()).toEqual(['Guest']));
    other.unsubscribe();
  });
});
