import { VirtualTimeScheduler } from 'rxjs';

/** Time that a test moves, for the options `scheduler`. */
export class ManualTime extends VirtualTimeScheduler {
  /** Moves on at once: what comes by promises arrives later, as after a pause of the process. */
  pause(ms: number): void {
    const end = this.frame + ms;
    this.maxFrames = end;
    this.flush();
    this.frame = end;
  }

  /** Moves the clock alone: the timers that are due are late. */
  sleep(ms: number): void {
    this.frame += ms;
  }

  /** Moves on, while all else goes on. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      this.pause(250);
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    }
  }
}
