import { Observable, Subject, Subscription, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import type { Frame, Link } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { SessionEvent } from '../../session/events.js';
import { controlFrame } from '../../session/frames.js';
import { mustAsk, note, type Silence } from '../../session/heartbeat.js';
import { pass } from '../../wire/traffic.js';
import type { Berth } from '../berth.js';
import type { Moved } from '../idleFrames.js';
import { Received, Sent, ToLine, type Middle } from './relays.js';
import { answerOf, NOTHING_REACHED, reachedBy, type Rest } from './rest.js';
import type { Resident } from './rounds.js';
import type { ServerSide } from './serverSide.js';
import { NOTHING, type Running, type SleeperOptions, type SleeperParts } from './waking.js';

/** Where to look for a message while there is none. */
const NOTHING_SENT = { kind: 'begun', isOpen: () => false, isSent: () => false } as const;

/**
 * A session that sleeps while there is nothing to do: then only its numbers are kept. Its client finds no difference: it is asked and answered as ever
 * when it is silent. The session wakes when something is to be sent, when something comes, and when its client comes back.
 *
 * That it ends is no failure of the server: the wire completes, and the reason is among its errors.
 */
// eslint-disable-next-line no-restricted-syntax -- a server has one for each of its clients, and closures would take a kilobyte more
export class Sleeper implements Resident, Silence, Middle, Observer<Message>, Unsubscribable {
  part = 0;
  quiet = 0;
  hasAsked = false;
  #isHeard = false;
  #rest: Rest | undefined;
  #running: Running | undefined;
  /** Whether there is a connection. */
  #isConnected = false;
  readonly #berth: Berth;
  readonly #to: Subscriber<Message>;
  readonly #parts: SleeperParts;
  readonly #options: SleeperOptions;

  constructor(to: Subscriber<Message>, berth: Berth, parts: SleeperParts, options: SleeperOptions) {
    this.#berth = berth;
    this.#to = to;
    this.#parts = parts;
    this.#options = options;
  }

  begin(outgoing: Observable<Message>): void {
    this.#to.add(this);
    this.wake();
    this.#berth.occupy(new Received(this));
    this.#to.add(outgoing.subscribe(new Sent(this)));
  }

  /** The session, awake. */
  get side(): ServerSide | undefined {
    return this.wake().awake?.side();
  }

  wake(): Running {
    if (this.#running) return this.#running;
    const { rounds } = this.#options;
    const rest = this.#rest;
    const running: Running = (this.#running = { ...NOTHING, outgoing: new Subject(), life: new Subscription() });
    this.#rest = undefined;
    rounds.remove(this);
    const link: Link<Frame> = (toPeer$) =>
      new Observable((received) => {
        Object.assign(running, { received, toPeer$ });
        return () => running.connection.unsubscribe();
      });
    const [onQuiet, onAgreed] = [(looks: number) => this.sleep(looks), () => rounds.welcome(this)] as const;
    running.awake = this.#parts.wake({ link, rest, outgoing: running.outgoing, onQuiet, onAgreed });
    running.life.add(running.awake.messages$.subscribe(this));
    if (!this.#isConnected || !rest) return running;
    running.awake.side().goOn(rest, this.#isHeard ? 0 : this.quiet);
    this.#join();
    return running;
  }

  /** A frame has come. */
  receive(frame: Frame): void {
    pass(this.#parts.traffic, 'bytesReceived', frame, this.#options.scheduler);
    if (this.#running) this.#running.received?.next(frame);
    else if (!this.#answer(frame)) {
      this.#isHeard = true;
      this.wake().received?.next(frame);
    }
  }

  /** Whoever is told how the connections have ended: the session; as it sleeps, whoever it would tell. */
  get heir(): Pick<Observer<never>, 'error' | 'complete'> {
    return this.#running?.received ?? this;
  }

  next(message: Message): void {
    this.#to.next(message);
  }

  error(error: unknown): void {
    this.report({ kind: 'error', error });
    this.#to.complete();
  }

  complete(): void {
    this.#to.complete();
  }

  send(frame: Frame): void {
    pass(this.#parts.traffic, 'bytesSent', frame, this.#options.scheduler);
    this.#berth.send(frame);
  }

  /** Ends all of it. */
  unsubscribe(): void {
    this.#options.rounds.remove(this);
    this.#running?.life.unsubscribe();
    this.#parts.leave();
    this.#berth.leave();
  }

  look(isLate: boolean): void {
    note(this, this.#isHeard);
    this.#isHeard = false;
    try {
      if (mustAsk(this, isLate, this.#options.pingInterval)) this.send(controlFrame('ping', this.#rest?.acked));
    } catch (error) {
      this.#berth.fail(error);
    }
  }

  report(event: SessionEvent): void {
    this.#parts.report(event);
  }

  moved(): Moved {
    // What has no number may wait for the first subscriber, and each that finds no room to wait is an error.
    const { messagesReceived, errors } = this.#parts.traffic;
    const { window = 1_024 } = this.#options;
    const rest = this.#rest;
    const { rx, acked, open } = (rest ? reachedBy(rest) : this.side?.reached()) ?? NOTHING_REACHED;
    return { steps: messagesReceived + errors + rx + 2 * acked, open: open + window };
  }

  connected(): void {
    this.wake();
    this.#isConnected = true;
    this.#join();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.#options.rounds.remove(this);
    this.#running?.connection.unsubscribe();
  }

  #join(): void {
    const running = this.#running;
    if (running?.toPeer$) running.connection = running.toPeer$.subscribe(new ToLine(this, this.#berth));
  }

  /** Falls asleep, if there is nothing to do. @param looks How often it was looked, and nothing heard. */
  sleep(looks = 0): void {
    const rest = this.#running?.awake?.side().rest();
    if (!rest) return;
    this.#running?.life.unsubscribe();
    this.#running = undefined;
    this.#rest = rest;
    this.quiet = looks;
    this.hasAsked = false;
    this.#isHeard = looks === 0;
    this.report(NOTHING_SENT);
    this.#options.rounds.add(this, this.#isHeard);
  }

  /** What is said when nothing is sent is answered without waking. */
  #answer(frame: Frame): boolean {
    const answer = this.#rest && answerOf(frame, this.#rest, this.#options.window);
    if (!answer) return false;
    this.#isHeard = true;
    this.#rest = answer.rest;
    if (answer.reply) this.send(answer.reply);
    return true;
  }
}
