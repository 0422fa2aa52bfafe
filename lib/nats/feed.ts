import type { ConsumerInfo } from '@nats-io/jetstream';
import { BehaviorSubject, defer, EMPTY, filter, firstValueFrom, merge, mergeMap, of, startWith, Subject, Subscription } from 'rxjs';
import { switchMap, timeout, type Observable } from 'rxjs';
import type { ChannelEntry } from '../app/hub/channelLog.js';
import { whileUsed } from '../internal/whileUsed.js';
import { retryBackoff } from '../operators/retryBackoff.js';
import { failed, type Broker } from './broker.js';
import { checking } from './checking.js';
import { createConnectivity } from './connectivity.js';
import { addConsumer, consuming } from './consuming.js';
import type { Epochs, Era } from './epochs.js';
import { settle, type Place, type Settled } from './settle.js';
import { createTails } from './tails.js';
import { createTaking } from './taking.js';

/** What is added to any channel, by way of one consumer for all of them. */
export interface Feed {
  readonly tail: (channel: string) => Observable<ChannelEntry>;
  /** Resolves when what is stored from now on reaches the tails there are. */
  readonly ready: () => Promise<unknown>;
  /** Somebody has seen which epoch it is. */
  readonly meet: (era: Era) => void;
}

export function createFeed(broker: Broker, epochs: Epochs): Feed {
  const isAttached$ = new BehaviorSubject(false);
  const restart$ = new Subject<void>();
  const course = createCourse(broker, epochs, { isAttached$, restart$ });
  const { tails } = course;
  const feed$ = lasting(course.attached$, broker, { isAttached$, restart$ });

  let running = Subscription.EMPTY;
  const use = whileUsed(
    () => (running = feed$.subscribe({ error: tails.lose })),
    () => {
      running.unsubscribe();
      course.forget();
      isAttached$.next(false);
    },
  );
  const isReady$ = isAttached$.pipe(filter(Boolean), timeout({ first: broker.timeout, scheduler: broker.scheduler }));
  return {
    meet: course.meet,
    ready: () => (use.isUsed() ? firstValueFrom(isReady$) : Promise.resolve()),
    tail: (channel) => use.by(tails.of(channel)),
  };
}

interface Signals {
  readonly isAttached$: Subject<boolean>;
  /** The stream is to be looked at anew. */
  readonly restart$: Subject<void>;
}

/** Attaches again after whatever ends that: at once, where it is known to be possible. */
function lasting(attached$: Observable<unknown>, broker: Broker, { isAttached$, restart$ }: Signals): Observable<unknown> {
  const { connection, report, scheduler } = broker;
  const { reconnected$, lost$ } = createConnectivity(broker);
  const retrying = retryBackoff({
    ...{ initialInterval: 100, maxInterval: 1_000, jitter: 0.5, resetOnSuccess: true, scheduler },
    // A closed connection stays closed.
    shouldRetry: () => !connection.isClosed(),
    onRetry({ error }) {
      isAttached$.next(false);
      report(failed(error));
    },
  });
  return merge(reconnected$, restart$).pipe(
    startWith(undefined),
    switchMap(() => merge(attached$, lost$).pipe(retrying)),
  );
}

/** How far the stream was followed, over one consumer after the other. */
function createCourse(broker: Broker, epochs: Epochs, { isAttached$, restart$ }: Signals) {
  const tails = createTails();
  let place: Place | undefined;
  const meet = (era: Era): void => {
    if (!place) return;
    if (era.epoch !== place.era.epoch) restart$.next();
    else if (era.mark > place.era.mark) Object.assign(place, { era, bytes: 0 });
  };
  const looks = { meet, place: () => place };
  const take = createTaking(broker, { tails, ...looks });

  const begin = ({ era, last, bytes }: Settled): Observable<unknown> => {
    const known = place;
    place = { era, head: known?.era.epoch === era.epoch ? known.head : last, bytes };
    // Without tails there is nobody for whom to go on: that ends this.
    if (known && known.era.epoch !== era.epoch) tails.lose('another epoch has begun');
    const here = place as Place | undefined;
    return here ? defer(() => addConsumer(broker, here.head + 1)).pipe(mergeMap((info) => run(info, last - here.head))) : EMPTY;
  };
  const run = (info: ConsumerInfo, expected: number): Observable<unknown> => {
    if (info.num_pending < expected) tails.lose('messages went before they came');
    if (!place) return EMPTY;
    isAttached$.next(true);
    return merge(of(true), consuming(broker, info, take), checking(broker, epochs, looks));
  };
  const attached$ = defer(() => {
    isAttached$.next(false);
    return settle(broker, epochs, place);
  }).pipe(mergeMap(begin));

  return { tails, meet, attached$, forget: (): void => void (place = undefined) };
}
