import type { Observer } from 'rxjs';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { Report, SessionEvent } from '../../session/events.js';
import type { Berth, Occupant } from '../berth.js';
import type { Moved } from '../idleFrames.js';

/** Whoever stands between a wire, its session and its connections. */
export interface Middle {
  /** A frame has come. */
  receive(frame: Frame): void;
  /** A frame goes out. */
  send(frame: Frame): void;
  connected(): void;
  disconnected(): void;
  report: Report;
  moved(): Moved;
  /** Whoever is told how the connections have ended. */
  readonly heir: Pick<Observer<never>, 'error' | 'complete'>;
  wake(): { readonly outgoing: Observer<Message> };
}

/* eslint-disable no-restricted-syntax -- a server has one of each for each of its clients, and closures would take three times as much */

/** What comes over the connections. */
export class Received implements Occupant {
  constructor(private readonly middle: Middle) {}
  connected(): void {
    this.middle.connected();
  }
  disconnected(): void {
    this.middle.disconnected();
  }
  report(event: SessionEvent): void {
    this.middle.report(event);
  }
  moved(): Moved {
    return this.middle.moved();
  }
  next(frame: Frame): void {
    this.middle.receive(frame);
  }
  error(error: unknown): void {
    this.middle.heir.error(error);
  }
  complete(): void {
    this.middle.heir.complete();
  }
}

/** What the application sends. */
export class Sent implements Observer<Message> {
  constructor(private readonly middle: Middle) {}
  next(message: Message): void {
    this.middle.wake().outgoing.next(message);
  }
  error(error: unknown): void {
    this.middle.wake().outgoing.error(error);
  }
  complete(): void {
    this.middle.wake().outgoing.complete();
  }
}

/** What an awake session sends over a connection. */
export class ToLine implements Observer<Frame> {
  constructor(
    private readonly middle: Middle,
    private readonly berth: Pick<Berth, 'fail' | 'finish'>,
  ) {}
  next(frame: Frame): void {
    this.middle.send(frame);
  }
  error(error: unknown): void {
    this.berth.fail(error);
  }
  complete(): void {
    this.berth.finish();
  }
}
