import { tap, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { MarbleEvent, MarbleLine, MarbleValues, MarbleWindow } from './marbleSpec.js';

type TestMessages = ReturnType<typeof TestScheduler.parseMarbles>;
type SubscriptionLog = ReturnType<typeof TestScheduler.parseMarblesAsSubscriptions>;

/** The streams that RxJS's `hot` and `cold` create. */
type TestStream = Observable<unknown> & { readonly messages: TestMessages; readonly subscriptions: readonly SubscriptionLog[] };

/**
 * Returns the values of all letters of a string: RxJS would emit `undefined` for a letter without a
 * value.
 */
export function meaning(marbles: string, values: MarbleValues): Record<string, unknown> {
  return { ...Object.fromEntries(Array.from(marbles, (letter) => [letter, letter])), ...values };
}

export function parseEvents(marbles: string, values: MarbleValues, error: unknown): MarbleEvent[] {
  return toEvents(TestScheduler.parseMarbles(marbles, meaning(marbles, values), error, false, true));
}

/** Returns the window of a subscription; without a `^`, it starts at 0. */
export function parseWindow(marbles: string): MarbleWindow {
  const { from, to } = toWindow(TestScheduler.parseMarblesAsSubscriptions(marbles, true));
  return { from: from === Infinity ? 0 : from, to };
}

function toEvents(messages: TestMessages): MarbleEvent[] {
  return messages.map(({ frame, notification }) => {
    if (notification.kind === 'N') return { frame, kind: 'next', value: notification.value as unknown };
    return notification.kind === 'E' ? { frame, kind: 'error', value: notification.error as unknown } : { frame, kind: 'complete' };
  });
}

function toWindow({ subscribedFrame, unsubscribedFrame }: SubscriptionLog): MarbleWindow {
  return { from: subscribedFrame, to: unsubscribedFrame };
}

/** Returns the last frame of a string of marbles: that of its end, or of its last character. */
export function lengthOf(marbles: string): number {
  const end = parseEvents(marbles, {}, undefined).find(({ kind }) => kind !== 'next') ?? parseEvents(`${marbles}|`, {}, undefined).at(-1);
  return end?.frame ?? 0;
}

export function durationOf(marbles: string, name: string): number {
  if (!marbles.trimEnd().endsWith('|')) throw new Error(`time "${name}" must end in "|", got ${JSON.stringify(marbles)}`);
  return lengthOf(marbles);
}

/** Returns an observer that adds what it receives to the events. */
export function recorder(events: MarbleEvent[], now: () => number) {
  const note = (kind: MarbleEvent['kind']) => (value?: unknown) => void events.push({ frame: now(), kind, value });
  return { next: note('next'), error: note('error'), complete: note('complete') };
}

/**
 * Wraps a stream of marbles to record its emissions and subscriptions: a cold stream emits again
 * for each subscription.
 */
export function watch(test: TestStream, role: MarbleLine['role'], name: string, hot: boolean, now: () => number) {
  const emitted: MarbleEvent[] = [];
  const got = ({ frame, kind, value }: MarbleEvent) =>
    emitted.some((event) => event.frame === frame && event.kind === kind && Object.is(event.value, value));
  const all = () => toEvents(test.messages).map((event) => (got(event) ? event : { ...event, missed: true }));
  const line = (): MarbleLine => ({ role, name, hot, events: hot ? all() : emitted, windows: test.subscriptions.map(toWindow) });
  return { stream: test.pipe(tap(recorder(emitted, now))), line };
}

export function mapValues<In, Out>(object: Readonly<Record<string, In>>, project: (value: In, name: string) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, project(value, name)]));
}
