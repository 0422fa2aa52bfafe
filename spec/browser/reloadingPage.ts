/**
 * The page of "survives reloads" in session.spec.ts. It sends, and reloads itself in the middle of that, as often as its address says; then it
 * sends what is left, and reports.
 *
 * What may be lost is what was given to `next` and was not stored when the page went, which nobody has told the application. What had to survive
 * is found out from outside of the library: what lies in the storage when the next page begins, and what was acked before.
 */
import { filter, lastValueFrom } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import { seeded } from '../support/seeded.js';
import { outboxOf, storedIds, type Kind } from './pageSupport.js';

/** What it tells when it is through. */
export interface Report {
  /** Of each life, the last number that had been acked, or lay in the storage when a later life began. */
  readonly survived: readonly number[];
  /** How many lives found what no life before had known to survive: it was neither acked nor left by another. */
  readonly leftovers: number;
  /** How many messages were given to the wire, in all lives. */
  readonly given: number;
  /** How the wire was at the end. */
  readonly status: string;
  /** The codes of what went wrong, in all lives. */
  readonly errors: readonly string[];
}

declare global {
  interface Window {
    /** Tells the test that a page has begun. */
    readonly begun: (life: number) => void;
    /** Tells it how it went. */
    readonly through: (report: Report) => void;
  }
}

const asked = new URLSearchParams(location.search);
const kind = asked.get('kind') as Kind;
const lives = Number(asked.get('lives'));

/** What outlives the page: written at once, and before the library goes on. */
const notes = {
  get: (key: string): number => Number(localStorage.getItem(`note:${key}`)),
  raise: (key: string, value: number): void => localStorage.setItem(`note:${key}`, String(Math.max(value, notes.get(key)))),
};

const life = notes.get('life') + 1;
notes.raise('life', life);
window.begun(life);

const LAST = 20;
const idOf = (number: number): string => `${life}:${number}`;
/** Notes it, and answers whether that is news. */
const survive = (id: string): boolean => {
  const [its = '', number] = id.split(':');
  const isNews = Number(number) > notes.get(its);
  notes.raise(its, Number(number));
  return isNews;
};

const left = await storedIds(kind);
if (left.map(survive).includes(true)) notes.raise('leftovers', notes.get('leftovers') + 1);

const link = webSocket(asked.get('url')!);
const codec = kind === 'indexedDB' ? msgpack() : json();
const reconnect = { initialInterval: 10, maxInterval: 50 };
const wire = connect({ link, codec, reconnect, outbox: outboxOf(kind), delivery: 'exactly-once' });
const errors = new Set<string>(JSON.parse(localStorage.getItem('errors') ?? '[]') as string[]);
wire.errors$.subscribe(({ code }) => localStorage.setItem('errors', JSON.stringify([...errors.add(code)])));
wire.receipts$.pipe(filter(({ status }) => status === 'acked')).subscribe(({ id }) => survive(id));

let given = 0;
const give = (count: number): void => {
  for (const end = given + count; given < end;) wire.next(createMessage('test.count', null, { id: idOf(++given) }));
  notes.raise(`given:${life}`, given);
};

if (life <= lives) dieYoung();
else await finish();

/** Each life by another number: right after a step of its own messages, or at any time. */
function dieYoung(): void {
  const random = seeded(life);
  const many = Math.ceil(random() * 40);
  const reload = (): void => location.reload();
  const steps = [
    () => setTimeout(reload, random() * 60),
    () => afterReceipts('queued', many).subscribe(reload),
    () => afterReceipts('sent', many).subscribe(reload),
    () => afterReceipts('acked', many).subscribe(reload),
  ];
  steps[life % steps.length]!();
  const go = (): void => {
    give(Math.ceil(random() * 6));
    setTimeout(go, random() * 4);
  };
  go();
}

function afterReceipts(wanted: string, count: number) {
  let seen = 0;
  return wire.receipts$.pipe(filter(({ status }) => status === wanted && ++seen === count));
}

async function finish(): Promise<void> {
  give(LAST);
  wire.complete();
  const { status } = await lastValueFrom(wire.state$);
  const all = Array.from({ length: life }, (_, index) => index + 1);
  window.through({
    survived: all.map((each) => notes.get(String(each))),
    leftovers: notes.get('leftovers'),
    given: all.reduce((sum, each) => sum + notes.get(`given:${each}`), 0),
    status,
    errors: [...errors],
  });
}
