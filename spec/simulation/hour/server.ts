import { defer, filter, mergeMap, Subject, Subscription, tap, throwError, type Observable } from 'rxjs';
import {
  consume,
  deadLetter,
  json,
  MessageDroppedError,
  queue,
  retryBackoff,
  route,
  type DeadLetter,
  type Frame,
  type Link,
  type Message,
  type Queue,
  type RetryAttempt,
  type Wire,
} from '../../../lib/index.js';
import { serve } from '../../../lib/server/serve.js';
import { createDisk, type Disk } from '../disk.js';
import { createLife, type Life } from '../life.js';
import type { End, Path } from './ledger.js';
import { TAIL, type HourSetting } from './setting.js';
import { diskInbox, diskLetters, diskQueue, type Effect, type Records } from './stores.js';
import { createWork, retryOf } from './work.js';

/** A server, over all its lives. */
export interface HourServer {
  start(): void;
  readonly life: () => Life | undefined;
  readonly records: Records;
}

export function createHourServer(setting: HourSetting): HourServer {
  const { clock, chance, plan, network, counts, say, isCalm } = setting;
  const disk = createDisk(clock, chance, plan.commit);
  const records: Records = { senders: new Map(), queued: new Map() };
  let life: Life | undefined;
  let lives = 0;

  const start = (): void => {
    if (life?.isAlive()) return;
    const born = createLife({
      ...{ clock, chance, name: `server ${++lives}`, crash: () => (isCalm() ? 0 : plan.crash) },
      onCrash() {
        counts.crashes++;
        say(born.name, () => 'crashes');
        clock.after(chance.skewed(20, 4_000), start);
      },
    });
    life = born;
    say(born.name, () => 'starts');
    const application = createApplication(born, disk, records, setting);
    const links$ = new Subject<Link<Frame>>();
    serve(links$, {
      ...{ codecs: [json()], scheduler: born.scheduler, microtask: born.microtask, pingInterval: 2_000, inbox: application.inbox },
    }).subscribe(application.welcome);
    network.listen(born, (link) => links$.next(link));
  };
  return { start, life: () => life, records };
}

/** What the server does in one life. */
function createApplication(life: Life, disk: Disk, records: Records, setting: HourSetting) {
  const { ledger, say } = setting;
  const ended = (kind: End['kind'], id: string, letter?: DeadLetter): void => {
    say(life.name, () => `${id} is ${kind} ${letter?.reason ?? ''}`);
    ledger.ended(id, { kind, life }, letter);
  };
  const onLetter = (letter: DeadLetter): void => ended('dead', letter.message.id, letter);
  const done = ({ id }: Message): void => ended('done', id);
  const letters = diskLetters(life, disk, onLetter);
  const work = createWork(life, setting);
  const handle = (message: Message): Observable<unknown> => work(message).pipe(tap({ complete: () => done(message) }));
  const how = { retry: retryOf(setting) };
  const { scheduler } = life;
  const stored = createQueue('stored', diskQueue(life, disk, records));
  const held = createQueue('held');

  function createQueue(name: Path, store?: ReturnType<typeof diskQueue>): Queue<Message> {
    const { maxSize, maxAge } = setting.plan;
    const made = queue(name, { maxSize, maxAge, store, scheduler, microtask: life.microtask });
    made.drops$
      .pipe(
        tap(({ message: { id } }) => ended('dropped', id)),
        mergeMap(({ message, reason }) =>
          throwError(() => new MessageDroppedError(message.id, reason)).pipe(deadLetter(letters, message, { scheduler })),
        ),
      )
      .subscribe();
    made.errors$.subscribe((error) => setting.violate('surprise', String(error)));
    // What a session is waiting for, its inbox buries itself; of what is stored the session has heard all it wants to.
    processInShifts(made, handle, store ? { ...how, deadLetter: letters.add } : how, life, setting);
    return made;
  }
  /** A pipeline of one's own: it ends well, whatever happens. */
  const careful = (message: Message): Observable<unknown> => {
    const retries: RetryAttempt[] = [];
    const onRetry = (retry: RetryAttempt): void => void retries.push(retry);
    const config = { ...retryOf(setting), scheduler, onRetry };
    return defer(() => handle(message)).pipe(retryBackoff(config), deadLetter(letters, message, { retries, scheduler }));
  };

  return {
    inbox: diskInbox(life, disk, records, (id) => ended('done', id), onLetter),
    welcome(wire: Wire): void {
      const of = (path: Path) => wire.pipe(filter(({ type }) => type === `hour.${path}`));
      const effect = (transaction: Effect, { id }: Message): void => transaction(id);
      of('effect')
        .pipe(consume(work, { concurrency: 8, retry: how.retry, effect, scheduler }))
        .subscribe();
      of('own')
        .pipe(consume(careful, { concurrency: 8, retry: false, scheduler }))
        .subscribe();
      of('routed')
        .pipe(route({ 'hour.*': handle, '**': () => undefined }, { ...how, scheduler }))
        .subscribe();
      of('stored').subscribe(stored);
      of('held').subscribe(held);
    },
  };
}

type How = NonNullable<Parameters<Queue<Message>['process']>[1]>;

/** Processors come and go, in the middle of what they do; there is always one. */
function processInShifts(
  { process }: Queue<Message>,
  handle: (message: Message) => Observable<unknown>,
  how: How,
  { scheduler }: Life,
  { chance, clock, plan, isCalm }: HourSetting,
): void {
  let shift = Subscription.EMPTY;
  const change = (): void => {
    const before = shift;
    shift = process(handle, { ...how, concurrency: plan.concurrency }).subscribe();
    before.unsubscribe();
    if (clock.now() < plan.length + TAIL) scheduler.schedule(change, chance.whole(500, isCalm() ? 2_000 : plan.shift));
  };
  change();
}
