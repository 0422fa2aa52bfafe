import { storedQueueLog } from '../../lib/operators/queue/queueStore.js';
import { EMPTY_OUTBOX } from '../../lib/core/storedOutgoing.js';
import { StoreError } from '../../lib/message/errors.js';
import { asObservable, type MaybePromise } from '../../lib/message/maybeAsync.js';
import type { InboxLease } from '../../lib/stores/inbox.js';
import { storedInbox } from '../../lib/stores/log/storedInbox.js';
import { storedLetters } from '../../lib/stores/log/storedLetters.js';
import { storedOutbox } from '../../lib/stores/log/storedOutbox.js';
import { letter } from '../support/deadLetterCases.js';
import { batch } from '../support/outboxCases.js';
import { queued } from '../support/queueCases.js';
import { seeded } from '../support/seeded.js';
import { simulatedDisk, type SimulatedDisk, type SimulatedProcess } from './simulatedDisk.js';

/** How often something has happened. */
export type Tally = Record<'lost' | 'failed' | 'late' | 'crashes' | 'fenced' | 'stored', number>;

/** Something that owns what a store keeps, as a story uses it. */
interface Owner {
  readonly process: SimulatedProcess;
  /** Undefined: it waits for an answer, or has ended. */
  next: (() => void) | undefined;
}

interface Story {
  readonly disk: SimulatedDisk;
  readonly random: () => number;
  readonly tally: Tally;
  readonly owners: Owner[];
  /** Starts an owner. */
  start(process: SimulatedProcess): Owner;
  /** Checks what is stored, when nothing is in flight. */
  check(): void;
}

const STEPS = 60;

/** Starts one more owner, which must find the state that is stored at the end. */
function checkLast(disk: SimulatedDisk, start: Story['start']): void {
  const owner = start(disk.start());
  owner.next?.();
  owner.process.run();
  disk.flush();
}

/** Runs owners over one disk: they are slow, frozen, killed; answers are lost; the power fails. */
function run({ disk, random, tally, owners, start, check }: Story): void {
  violations = [];
  const pick = (): Owner | undefined => owners[Math.floor(random() * owners.length)];
  const isLost = (): boolean => random() < 0.05 && ++tally.lost > 0;
  const begin = (): void => void owners.push(start(disk.start()));
  const actions: readonly (readonly [weight: number, act: () => void])[] = [
    [40, () => pick()?.next?.()],
    [30, () => pick()?.process.run()],
    [20, () => disk.flush(isLost)],
    [4, begin],
    [2, () => pick()?.process.run(++tally.failed > 0)],
    [2, () => pick()?.process.kill()],
    [
      2,
      () => {
        tally.crashes++;
        for (const { process } of owners.splice(0)) process.kill();
        disk.loseUnflushed();
        begin();
      },
    ],
  ];
  const sum = actions.reduce((total, [weight]) => total + weight, 0);
  begin();
  for (let step = 0; step < STEPS; step++) {
    let at = random() * sum;
    actions.find(([weight]) => (at -= weight) < 0)?.[1]();
  }
  // What is late comes now.
  for (const { process } of owners) while (process.run()) tally.late++;
  disk.flush();
  check();
  if (violations.length > 0) throw new Error(violations.join('; '));
}

function when<T>(input: () => MaybePromise<T>, next: (value: T) => void, failed: (fault: string) => void): void {
  const error = (reason: unknown): void => failed(reason instanceof StoreError ? reason.fault : String(reason));
  asObservable(input).subscribe({ next, error });
}

/** The broken rules of the story that runs. An exception in a subscriber would go nowhere. */
let violations: string[] = [];

function assert(condition: boolean, what: string): void {
  if (!condition) violations.push(what);
}

/** Outboxes: each owner stores the numbers behind those that it has found. */
export function outboxStory(seed: number, tally: Tally): void {
  const [disk, random] = [simulatedDisk(), seeded(seed)];
  const limits = { name: 'simulated', log: 'outbox', maxMessages: 100, maxBytes: 1_000 };
  let [epoch, stored, issued, acked, ackIssued] = [0, 0, 0, 0, 0];
  let pid: string | undefined;

  const start = (process: SimulatedProcess): Owner => {
    const outbox = storedOutbox({ ...limits, openStore: () => process.store });
    const owner: Owner = { process, next: undefined };
    const failed = (fault: string): void => {
      if (fault === 'fenced') tally.fenced++;
      assert(fault === 'fenced' || fault === 'failed', `an unexpected ${fault}`);
      owner.next = undefined;
    };
    owner.next = () => {
      owner.next = undefined;
      when(
        () => outbox.open(),
        (found) => {
          pid ??= found.pid;
          assert(found.pid === pid, 'the sender has changed');
          assert(found.epoch !== epoch, 'two owners have the same epoch');
          if (found.epoch < epoch) return; // its answer is late
          epoch = found.epoch;
          const numbers = found.batches.map(({ first }) => first);
          assert(found.last >= stored && found.last <= issued, `last ${found.last} is not in ${stored} … ${issued}`);
          assert(found.acked >= acked && found.acked <= ackIssued, `acked ${found.acked} is not in ${acked} … ${ackIssued}`);
          const expected = Array.from({ length: found.last - found.acked }, (_, index) => found.acked + 1 + index);
          assert(String(numbers) === String(expected), `${String(numbers)} instead of ${String(expected)}`);
          [stored, acked] = [found.last, found.acked];
          let head = { ...EMPTY_OUTBOX, last: found.last, acked: found.acked };
          const write = (): void => {
            owner.next = undefined;
            const [last, ack] = [head.last + 1, random() < 0.3 ? Math.max(head.acked, head.last - 1) : head.acked];
            head = { ...head, last, acked: ack };
            if (found.epoch === epoch) [issued, ackIssued] = [Math.max(issued, last), Math.max(ackIssued, ack)];
            when(
              () => outbox.write({ head, batches: [batch(last)], replaces: false }),
              () => {
                tally.stored++;
                // The answer of a former owner may be late: its write was before the take-over.
                if (found.epoch === epoch) [stored, acked] = [last, ack];
                owner.next = write;
              },
              failed,
            );
          };
          owner.next = write;
        },
        failed,
      );
    };
    return owner;
  };
  run({ disk, random, tally, owners: [], start, check: () => checkLast(disk, start) });
}

const LETTERS = 2;
const START: InboxLease = { pid: 'ann', owner: 'first', epoch: 0, n: 0 };

/** Inboxes: each session commits the numbers behind those that it has found, with their effects. */
export function inboxStory(seed: number, tally: Tally): void {
  const [disk, random] = [simulatedDisk(), seeded(seed)];
  let [sessions, stored] = [0, 0];
  const partsOf = (process: SimulatedProcess) => {
    const { store } = process;
    const letters = storedLetters(store, LETTERS, () => assert(false, 'a letter is corrupt'));
    return { letters, inbox: storedInbox(store, letters, () => assert(false, 'a sender is corrupt')) };
  };
  const now = <T>(process: SimulatedProcess, input: () => MaybePromise<T>): T => {
    let result: T | undefined;
    when(
      input,
      (value) => (result = value),
      (fault) => assert(false, fault),
    );
    process.run();
    disk.flush();
    return result as T;
  };
  const first = disk.start();
  now(first, () => partsOf(first).inbox.commit(START, { done: 0, finished: [] }, []));

  const start = (process: SimulatedProcess): Owner => {
    const { inbox } = partsOf(process);
    const n = ++sessions;
    const owner: Owner = { process, next: undefined };
    const failed = (fault: string): void => {
      if (fault === 'fenced') tally.fenced++;
      owner.next = undefined;
    };
    const claimed = (lease: InboxLease, found: number): void => {
      let done = found;
      const commit = (): void => {
        owner.next = undefined;
        const number = done + 1;
        const throws = random() < 0.1;
        const effect = (count: (name: number) => void): void => {
          count(number);
          if (throws) throw new Error('the effect has failed');
        };
        const deadLetter = number % 3 === 0 ? letter(String(number)) : undefined;
        when(
          () => inbox.commit(lease, { done: number, finished: [] }, [{ effect, deadLetter }]),
          () => {
            tally.stored++;
            done = number;
            stored = Math.max(stored, number);
            owner.next = commit;
          },
          (fault) => {
            if (fault === 'Error: the effect has failed') owner.next = commit;
            else failed(fault);
          },
        );
      };
      owner.next = commit;
    };
    owner.next = () => {
      owner.next = undefined;
      const decide = () => ({ owner: `session ${n}`, epoch: 1, n });
      when(
        () => inbox.claim('ann', decide),
        ({ lease, record }) => lease && claimed(lease, record?.cursor.done ?? -1),
        failed,
      );
    };
    return owner;
  };
  const check = (): void => {
    const process = disk.start();
    const { inbox, letters } = partsOf(process);
    const { record, lease } = now(process, () => inbox.claim('ann', () => ({ owner: `session ${++sessions}`, epoch: 1, n: sessions })));
    const { done } = record!.cursor;
    now(process, () => inbox.remember(lease!, 'the latest owner may write'));
    assert(done >= stored, `done is ${done}, but ${stored} was confirmed`);
    const effects = [...disk.effects()].sort(([a], [b]) => a - b);
    const numbers = Array.from({ length: done }, (_, index) => index + 1);
    assert(String(effects) === String(numbers.map((number) => [number, 1])), `done is ${done}, but the effects are ${effects.join('; ')}`);
    const ids: string[] = [];
    letters.list().subscribe(({ message }) => ids.push(message.id));
    const expected = numbers.filter((number) => number % 3 === 0).slice(-LETTERS);
    assert(String(ids) === String(expected), `letters ${String(ids)} instead of ${String(expected)}`);
  };
  const restore = disk.backUp();
  run({ disk, random, tally, owners: [], start, check });
  // A backup has the cursor and the effects of the same time.
  if (seed % 2 === 0) {
    const again = seed % 4 === 0 ? disk.backUp() : restore;
    run({ disk, random, tally, owners: [], start, check });
    again();
    stored = 0;
    check();
    if (violations.length > 0) throw new Error(violations.join('; '));
  }
}

/** Queues: each owner adds messages, and removes those that it has found or added. */
export function queueStory(seed: number, tally: Tally): void {
  const [disk, random] = [simulatedDisk(), seeded(seed)];
  let epochs = 0;
  /** What the stored state of a place may be: it is added, and removed, or one of both may be so. */
  const places = new Map<number, { isAdded: boolean; isRemoved: boolean; mayBeRemoved: boolean }>();

  const start = (process: SimulatedProcess): Owner => {
    const log = storedQueueLog({ name: 'simulated', log: 'queue', openStore: () => process.store });
    const owner: Owner = { process, next: undefined };
    const failed = (fault: string): void => {
      if (fault === 'fenced') tally.fenced++;
      owner.next = undefined;
    };
    const opened = (found: readonly number[]): void => {
      const mine = ++epochs;
      for (const [place, { isAdded, isRemoved, mayBeRemoved }] of places) {
        const isFound = found.includes(place);
        assert(isFound || !isAdded || mayBeRemoved, `${place} is lost`);
        assert(!isFound || !isRemoved, `${place} is back`);
        places.set(place, { isAdded: isFound, isRemoved: !isFound, mayBeRemoved: !isFound });
      }
      const held = [...found];
      let last = Math.max(0, ...places.keys());
      const write = (): void => {
        owner.next = undefined;
        const added = ++last;
        const removed = random() < 0.5 ? held.shift() : undefined;
        const isLatest = mine === epochs;
        if (isLatest) places.set(added, { isAdded: false, isRemoved: false, mayBeRemoved: false });
        if (isLatest && removed !== undefined) places.set(removed, { isAdded: true, isRemoved: false, mayBeRemoved: true });
        when(
          () => log.write([queued(added)], removed === undefined ? [] : [removed]),
          () => {
            tally.stored++;
            held.push(added);
            owner.next = write;
            if (mine !== epochs) return;
            places.set(added, { isAdded: true, isRemoved: false, mayBeRemoved: false });
            if (removed !== undefined) places.set(removed, { isAdded: true, isRemoved: true, mayBeRemoved: true });
          },
          failed,
        );
      };
      owner.next = write;
    };
    owner.next = () => {
      owner.next = undefined;
      when(
        () => log.open(),
        (found) => opened(found.map(({ place }) => place)),
        failed,
      );
    };
    return owner;
  };
  run({ disk, random, tally, owners: [], start, check: () => checkLast(disk, start) });
}
