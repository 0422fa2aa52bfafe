import { defer, EMPTY, expand, map, mergeMap, Subject, take, type Observable } from 'rxjs';
import { readDeadLetter } from '../session/store/readDeadLetter.js';
import type { DeadLetter, DeadLetterStore, StoredDeadLetter } from '../session/store/deadLetterStore.js';
import type { PostgresSettings } from './postgresOptions.js';
import { asPostgresStoreError } from './postgresStoreError.js';
import { packText, setIdleTimeout, unpackText } from './senderStatements.js';
import { withConnection } from './transactionClient.js';

type Send = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/** The dead letters of an inbox, with the methods that the inbox uses. */
export interface DeadLetterRows extends DeadLetterStore {
  /** Stores letters inside a transaction. Resolves to the evicted letters. */
  readonly put: (send: Send, letters: readonly DeadLetter[]) => Promise<readonly StoredDeadLetter[]>;
  /** Emits evicted letters, after the commit. */
  readonly emitDropped: (letters: readonly StoredDeadLetter[]) => void;
}

/** The maximum number of letters that `list` reads at a time. */
const PAGE = 100;

export function createPostgresDeadLetters(settings: PostgresSettings): DeadLetterRows {
  const { tables, maxDeadLetters, idleTimeout } = settings;
  const dropped$ = new Subject<StoredDeadLetter>();
  const columns = `l.id::text, encode(l.letter, 'base64') as letter`;
  /** Emits the result of `work`, which is one transaction. */
  const run = <T>(work: (send: Send) => Promise<T>): Observable<T> =>
    defer(async () => {
      const results: T[] = [];
      try {
        await withConnection(settings, async ({ query }) => {
          await query('begin isolation level read committed read write');
          await query(`select ${setIdleTimeout('$1')}`, [String(idleTimeout)]);
          const result = await work(query);
          await query('commit');
          results.push(result);
        });
      } catch (reason) {
        throw asPostgresStoreError(reason);
      }
      return results[0] as T;
    });
  const put: DeadLetterRows['put'] = async (send, letters) => {
    if (letters.length === 0) return [];
    await send(
      `insert into ${tables.deadLetters} (letter) select decode(given.value, 'base64')
from json_array_elements_text($1::json) with ordinality as given(value, place) order by place`,
      [JSON.stringify(letters.map(packText))],
    );
    if (maxDeadLetters === Infinity) return [];
    const dropped = await send(
      `delete from ${tables.deadLetters} as l where l.id <= (select id from ${tables.deadLetters} order by id desc offset $1 limit 1) returning ${columns}`,
      [maxDeadLetters],
    );
    return lettersIn(dropped).sort((one, other) => one.id - other.id);
  };
  const emitDropped = (letters: readonly StoredDeadLetter[]): void => letters.forEach((letter) => dropped$.next(letter));
  const last = (): Observable<number> =>
    run((send) => send(`select coalesce(max(id), 0)::text as id from ${tables.deadLetters}`)).pipe(map(([row]) => idOf(row)));
  const page = (after: number, end: number): Observable<readonly unknown[]> =>
    run((send) =>
      send(`select ${columns} from ${tables.deadLetters} as l where l.id > $1 and l.id <= $2 order by l.id limit ${PAGE}`, [after, end]),
    );

  return {
    dropped$,
    emitDropped,
    put,
    add: (letter) => run((send) => put(send, [letter])).pipe(map(emitDropped)),
    list: ({ after = 0, limit = Infinity } = {}) =>
      last().pipe(
        mergeMap((end) => page(after, end).pipe(expand((rows) => (rows.length < PAGE ? EMPTY : page(idOf(rows.at(-1)), end))))),
        mergeMap(lettersIn),
        take(limit),
      ),
    count: () =>
      run((send) => send(`select count(*)::text as count from ${tables.deadLetters}`)).pipe(
        map(([row]) => Number((row as { count: unknown }).count)),
      ),
    remove: (id) =>
      run((send) => send(`delete from ${tables.deadLetters} where id = $1 returning id`, [id])).pipe(map((rows) => rows.length > 0)),
  };
}

function idOf(row: unknown): number {
  return Number((row as { readonly id: unknown }).id);
}

/** Returns the letters of rows; passes over those that are unreadable. */
function lettersIn(rows: readonly unknown[]): StoredDeadLetter[] {
  return rows.flatMap((row) => {
    const { letter } = row as { readonly letter: unknown };
    return readLetter(idOf(row), letter) ?? [];
  });
}

function readLetter(id: number, text: unknown): StoredDeadLetter | undefined {
  try {
    return readDeadLetter(id, unpackText(String(text)));
  } catch {
    return undefined;
  }
}
