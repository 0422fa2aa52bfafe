import { tap, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { MarbleEvent, MarbleLine, MarbleValues, MarbleWindow } from './marbleSpec.js';

type TestMessages = ReturnType<typeof TestScheduler.parseMarbles>;
type SubscriptionLog = ReturnType<typeof TestScheduler.parseMarblesAsSubscriptions>;

/** What RxJS's `hot` and `cold` make. */
type TestStream = Observable<unknown> & { readonly messages: TestMessages; readonly subscriptions: readonly SubscriptionLog[] };

/** The values of the letters of a string, for RxJS gives `undefined` to a letter that it finds no value for. */
export function meaning(marbles: string, values: MarbleValues): Record<string, unknown> {
  return { ...Object.fromEntries(Array.from(marbles, (letter) => [letter, letter])), ...values };
}

export function parseEvents(marbles: string, values: MarbleValues, error: unknown): MarbleEvent[] {
  return toEvents(TestScheduler.parseMarbles(marbles, meaning(marbles, values), error, false, true));
}

/** A subscription without a `^` is one from the start. */
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

/** The frame that a string of marbles lasts to: its end, or the length of its line. */
export function lengthOf(marbles: string): number {
  const end = parseEvents(marbles, {}, undefined).find(({ kind }) => kind !== 'next') ?? parseEvents(`${marbles}|`, {}, undefined).at(-1);
  return end?.frame ?? 0;
}

export function durationOf(marbles: string, name: string): number {
  if (!marbles.trimEnd().endsWith('|')) throw new Error(`time "${name}" must end in "|", got ${JSON.stringify(marbles)}`);
  return lengthOf(marbles);
}

/** A stream of marbles that notes what it really emitted, to whom: a cold one repeats itself at each subscription. */
export function watch(test: TestStream, role: MarbleLine['role'], name: string, hot: boolean, now: () => number) {
  const emitted: MarbleEvent[] = [];
  const note = (kind: MarbleEvent['kind'], value?: unknown) => void emitted.push({ frame: now(), kind, value });
  const noted = test.pipe(
    tap({ next: (value) => note('next', value), error: (cause) => note('error', cause), complete: () => note('complete') }),
  );
  const got = ({ frame, kind, value }: MarbleEvent) =>
    emitted.some((event) => event.frame === frame && event.kind === kind && Object.is(event.value, value));
  const all = () => toEvents(test.messages).map((event) => (got(event) ? event : { ...event, missed: true }));
  const line = (): MarbleLine => ({ role, name, hot, events: hot ? all() : emitted, windows: test.subscriptions.map(toWindow) });
  return { stream: noted, line };
}

export function mapValues<In, Out>(object: Readonly<Record<string, In>>, project: (value: In, name: string) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, project(value, name)]));
}
