import { VirtualTimeScheduler } from 'rxjs';
import { StoreError } from '../../../lib/message/errors.js';
import { asObservable, type MaybePromise } from '../../../lib/message/maybeAsync.js';
import { natsStore } from '../../../lib/stores/nats/natsStore.js';
import { createSubjectStore, type SubjectEntry, type SubjectStream } from '../../../lib/stores/nats/subjectStore.js';
import type { InboxLease } from '../../../lib/stores/inbox.js';
import { isEarlier } from '../../../lib/stores/helloNumber.js';
import { storedInbox } from '../../../lib/stores/log/storedInbox.js';
import { storedLetters } from '../../../lib/stores/log/storedLetters.js';
import { storedOutbox } from '../../../lib/stores/log/storedOutbox.js';
import type { OutboxContents } from '../../../lib/stores/outboxStore.js';
import { createChance, type Chance } from '../../simulation/chance.js';
import { ownerOf, type OutboxOwner } from '../../support/outboxOwner.js';
import { retryContext } from '../../support/retryContext.js';

/** How often each thing has happened in a story. */
export interface ClusterTally {
  takeOvers: number;
  fences: number;
  lostAnswers: number;
  lateWrites: number;
}

const PID = 'p';
const NODES = ['a', 'b', 'c'] as const;

/** Requests that wait, of which chance runs one after the other; those of a node that stands still run when no others are left. */
function createWaiting({ pick, hit }: Chance) {
  const waiting: { readonly node: string; readonly run: () => void }[] = [];
  let frozen = '';
  return {
    wait: (node: string): Promise<void> => new Promise((run) => void waiting.push({ node, run })),
    /** Returns false if nothing waits. */
    runOne(): boolean {
      if (hit(0.05)) frozen = pick(['', ...NODES]);
      const awake = waiting.filter(({ node }) => node !== frozen);
      const [one] = awake.length > 0 ? [pick(awake)] : waiting;
      if (!one) return false;
      waiting.splice(waiting.indexOf(one), 1);
      one.run();
      return true;
    },
  };
}

/** A stream whose answers get lost, and whose writes may be late. */
function createStream(keepsOne: boolean, { hit }: Chance, wait: (node: string) => Promise<void>, tally: ClusterTally) {
  let entries: (SubjectEntry & { readonly name: string })[] = [];
  let last = 0;
  /** The names whose subjects have an append in progress. */
  const busy = new Set<string>();
  const ofSubject = (name: string) => entries.filter((entry) => entry.name === name);
  const write = (name: string, data: Uint8Array, behind: number): number | undefined => {
    if (busy.has(name) || (ofSubject(name).at(-1)?.seq ?? 0) !== behind) return undefined;
    if (keepsOne) entries = entries.filter((entry) => entry.name !== name);
    // Other subjects have entries in between.
    last += hit(0.3) ? 2 : 1;
    entries.push({ name, data: Uint8Array.from(data), seq: last });
    return last;
  };
  return (node: string): SubjectStream => ({
    async get(query) {
      await wait(node);
      if ('last_by_subj' in query) return ofSubject(query.last_by_subj).at(-1);
      return ofSubject(query.next_by_subj ?? '').find(({ seq }) => seq >= query.seq);
    },
    async append({ subject: name, data: bytes, behind }) {
      const data = bytes as Uint8Array;
      await wait(node);
      if (hit(0.08)) {
        // The leader keeps it, and stores it later, if nothing is there by then. Now and then, it says so meanwhile.
        if (hit(0.5)) busy.add(name);
        void wait(node).then(() => {
          busy.delete(name);
          if (write(name, data, behind) !== undefined) tally.lateWrites++;
        });
        throw new Error('timeout');
      }
      const seq = write(name, data, behind);
      if (seq === undefined || !hit(0.08)) return seq;
      tally.lostAnswers++;
      throw new Error('timeout');
    },
    async purge(options) {
      const { filter, seq = 0 } = options as { filter?: string; seq?: number };
      await wait(node);
      entries = entries.filter((entry) => entry.name !== filter || entry.seq >= seq);
      return { success: true, purged: 0 };
    },
  });
}

/** The facts that are known for certain, against which each answer of a store is judged. */
function createJudge() {
  const violations: string[] = [];
  const committedBy = new Map<number, number>();
  const appendedBy = new Map<number, number>();
  const fenced = new Set<string>();
  let [done, latest] = [0, 0];
  return {
    violations,
    done: () => done,
    latest: () => latest,
    appended: () => new Set(appendedBy.keys()),
    claimed(n: number, stored: number, doneBefore: number): void {
      if (stored < doneBefore) violations.push(`hello ${n} finds ${stored} messages done, of ${doneBefore}`);
      latest = Math.max(latest, n);
    },
    committed(n: number, number: number, latestBefore: number): void {
      if (latestBefore > n) violations.push(`hello ${n} has committed ${number} after hello ${latestBefore} has taken over`);
      if (committedBy.has(number)) violations.push(`${number} is committed by the hellos ${committedBy.get(number)} and ${n}`);
      committedBy.set(number, n);
      done = Math.max(done, number);
    },
    opened(n: number, { batches, last }: OutboxContents, before: ReadonlySet<number>, trimmed: number): void {
      const numbers = batches.map(({ first }) => first);
      const missing = [...before].filter((number) => number > trimmed && !numbers.includes(number));
      if (missing.length > 0) violations.push(`hello ${n} does not find the messages ${missing.join()}`);
      if (batches.some(({ first, body }) => fenced.has(`${first} of ${body as string}`)))
        violations.push(`hello ${n} finds a message that was fenced`);
      if (numbers.some((number, index) => index > 0 && number !== numbers[index - 1]! + 1))
        violations.push(`hello ${n} finds ${numbers.join()}`);
      if (last < Math.max(0, ...before)) violations.push(`hello ${n} finds the last number ${last}`);
    },
    appendedOne(n: number, number: number): void {
      if (appendedBy.has(number)) violations.push(`${number} is appended by the hellos ${appendedBy.get(number)} and ${n}`);
      appendedBy.set(number, n);
    },
    wasFenced: (n: number, number: number) => void fenced.add(`${number} of ${n}`),
  };
}

const ready = <T>(call: () => MaybePromise<T>): Promise<T> =>
  new Promise((resolve, reject) => void asObservable(call).subscribe({ next: resolve, error: reject }));
const isFenced = (error: unknown): boolean => error instanceof StoreError && error.fault === 'fenced';

/** Sessions of one client at several nodes, some at the same time, over stores whose answers get lost. */
export async function runClusterStory(seed: number): Promise<{ readonly violations: readonly string[]; readonly tally: ClusterTally }> {
  const chance = createChance(seed);
  const tally: ClusterTally = { takeOvers: 0, fences: 0, lostAnswers: 0, lateWrites: 0 };
  const waiting = createWaiting(chance);
  const streams = [createStream(true, chance, waiting.wait, tally), createStream(false, chance, waiting.wait, tally)] as const;
  const scheduler = new VirtualTimeScheduler();
  const context = retryContext(scheduler, 15_000);
  const judge = createJudge();
  const nodes = NODES.map((node) => {
    const [sender, outbox] = streams.map((stream) => ({ store: createSubjectStore(stream(node), context, '') }));
    const store = natsStore({ ...context, timeout: 500 }, { sender: sender!, outbox: outbox! });
    const onCorrupt = (): void => void judge.violations.push('something is corrupt');
    const limits = { name: 'nats', maxMessages: 1_000, maxBytes: 1_000_000 };
    return {
      inbox: storedInbox(store, storedLetters(store, 10, onCorrupt), onCorrupt),
      outbox: (pid: string) => storedOutbox({ ...limits, log: `outbox ${pid}`, openStore: () => store }),
    };
  });
  let trimmed = 0;
  /** The latest hello. */
  let begun = 0;

  /** Sends and commits as a session does, until it is over or fenced. */
  const work = async (
    n: number,
    store: OutboxOwner,
    commit: (number: number) => Promise<void>,
    begin: { done: number; last: number },
  ): Promise<void> => {
    let { done, last } = begin;
    // From then on the client is known: two nodes that greet an unknown one do not know of each other.
    if (n === 1) await commit(++done);
    for (let count = chance.whole(0, 12); count > 0; count--) {
      if (chance.hit(0.5)) await commit(++done);
      else if (chance.hit(0.7)) {
        const number = ++last;
        try {
          await ready(() => store.add([{ first: number, count: 1, body: `${n}`, level: 'exactly-once' }]));
        } catch (error) {
          if (isFenced(error)) judge.wasFenced(n, number);
          throw error;
        }
        judge.appendedOne(n, number);
      } else {
        trimmed = Math.max(trimmed, last - 2);
        const acked = Math.max(0, last - 2);
        void ready(() => store.ack(acked)).catch(() => undefined);
      }
    }
  };
  const session = async (n: number): Promise<void> => {
    const { inbox, outbox } = chance.pick(nodes);
    const hello = { epoch: 1, n };
    const store = ownerOf(outbox(PID));
    const doneBefore = judge.done();
    let lease: InboxLease | undefined;
    try {
      const claimed = await ready(() =>
        inbox.claim(PID, (record) => (record?.claim && !isEarlier(record.claim, hello) ? undefined : { owner: `${n}`, ...hello })),
      );
      ({ lease } = claimed);
      if (!lease) return;
      const mine = lease;
      judge.claimed(n, claimed.record?.cursor.done ?? 0, doneBefore);
      const [before, trimmedBefore] = [judge.appended(), trimmed];
      const contents = await ready(() => store.open(hello));
      // A message that was trimmed meanwhile is no loss.
      judge.opened(n, contents, before, Math.max(trimmed, trimmedBefore));
      tally.takeOvers++;
      const commit = async (number: number): Promise<void> => {
        const latestBefore = judge.latest();
        await ready(() => inbox.commit(mine, { done: number, finished: [] }, []));
        judge.committed(n, number, latestBefore);
      };
      await work(n, store, commit, { done: claimed.record?.cursor.done ?? 0, last: contents.last });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!isFenced(error)) return;
      tally.fences++;
      if (n === begun) judge.violations.push(`hello ${n} was fenced by nobody`);
    } finally {
      store.close();
      if (lease) inbox.release?.(lease);
    }
  };

  const sessions: Promise<void>[] = [];
  const failures: unknown[] = [];
  const state = { isOver: false };
  const begin = (): void => void sessions.push(session(++begun).catch((error: unknown) => void failures.push(error)));
  const all = async (): Promise<void> => {
    begin();
    await sessions[0];
    for (let count = chance.whole(3, 10); count > 0; count--) {
      begin();
      if (chance.hit(0.4)) await Promise.all(sessions);
      else await waiting.wait('client');
    }
    await Promise.all(sessions);
    state.isOver = true;
  };
  void all();
  while (!state.isOver) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (!waiting.runOne()) scheduler.flush();
  }
  return { violations: [...judge.violations, ...failures.map(String)], tally };
}
