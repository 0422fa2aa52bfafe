import { Component, computed, inject } from '@angular/core';
import { sentenceOf } from 'rxwire';
import { injectConnection, injectPending } from 'rxwire/angular';
import { APP_WIRE } from './app-wire';
import { Network } from './network';

/** Shows whether the page is connected, how many messages wait, and why the wire has failed. */
@Component({
  selector: 'app-connection-bar',
  template: `
    <span class="status" role="status" [class.online]="isOnline()">{{ text() }}</span>
    <button type="button" (click)="network.toggle()">
      {{ network.isCut() ? 'Restore the network' : 'Cut the network' }}
    </button>
  `,
})
export class ConnectionBar {
  protected readonly network = inject(Network);
  private readonly connection = injectConnection(APP_WIRE);
  private readonly pending = injectPending(APP_WIRE, 'note.added');

  protected readonly isOnline = computed(() => this.connection().status === 'connected');
  protected readonly text = computed(() => {
    const { status, error } = this.connection();
    // This wire has ended: the server has refused it, for example.
    if (status === 'error') return sentenceOf(error);
    const waiting = this.pending().length;
    if (waiting === 0) return this.isOnline() ? 'online' : 'offline';
    return `${this.isOnline() ? 'online' : 'offline'}, ${waiting} waiting`;
  });
}
