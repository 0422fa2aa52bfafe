import { Injectable, signal } from '@angular/core';
import { linkFaults } from 'rxwire/testing';

/** The network of this page, which a button cuts: to try what the page does offline. An application of your own needs no such class. */
@Injectable({ providedIn: 'root' })
export class Network {
  private readonly faults = linkFaults();
  readonly layer = this.faults.layer;
  /** Whether it is cut. A reload does not change this. */
  readonly isCut = signal(sessionStorage.getItem('network') === 'cut');

  constructor() {
    if (this.isCut()) this.faults.cut();
  }

  toggle(): void {
    this.isCut.update((isCut) => !isCut);
    sessionStorage.setItem('network', this.isCut() ? 'cut' : 'up');
    if (this.isCut()) {
      this.faults.cut();
    } else {
      this.faults.restore();
      // A browser says so when a network is back: the wire reconnects at once.
      window.dispatchEvent(new Event('online'));
    }
  }
}
