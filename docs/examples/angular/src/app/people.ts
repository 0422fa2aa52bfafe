import { Component, computed, signal } from '@angular/core';
import { injectChannel } from 'rxwire/angular';
import { APP_WIRE } from './app-wire';

/** The people on the page: the members of a channel, with the state that each of them has set. */
@Component({
  selector: 'app-people',
  template: `
    <h2>Here now</h2>
    <label>
      Your name
      <input #input [value]="name()" maxlength="40" (change)="rename(input.value)" />
    </label>
    <ul>
      @for (person of people(); track person.id) {
        <li [class.me]="person.isMe">{{ person.name }}</li>
      }
    </ul>
  `,
})
export class People {
  private readonly lobby = injectChannel('lobby', { token: APP_WIRE });
  protected readonly name = signal(sessionStorage.getItem('name') ?? 'Guest');
  protected readonly people = computed(() => {
    const { member } = this.lobby.state();
    return this.lobby
      .presence()
      .members.map(({ id, state }) => ({ id, name: nameOf(state), isMe: id === member }));
  });

  constructor() {
    this.lobby.updatePresence({ name: this.name() });
  }

  protected rename(name: string): void {
    this.name.set(name);
    sessionStorage.setItem('name', name);
    this.lobby.updatePresence({ name });
  }
}

/** The state of another member is input from outside. */
function nameOf(state: unknown): string {
  const { name } = Object(state) as { readonly name?: unknown };
  return typeof name === 'string' ? name : 'Guest';
}
