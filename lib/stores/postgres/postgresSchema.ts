import { packValue, unpackValue } from '../packedValue.js';
import { asPostgresStoreError } from './postgresStoreError.js';

export const DEFAULT_SCHEMA = 'rxwire';

export type PostgresTables = ReturnType<typeof tablesOf>;

/**
 * Returns the quoted names of the tables. The channel with the empty name has the epoch of the
 * next one.
 *
 * @throws {TypeError} If the name of the schema is invalid.
 */
export function tablesOf(owner: string, schema: string) {
  const quoted = quotedSchema(owner, schema);
  return { logs: `${quoted}.logs`, entries: `${quoted}.entries`, channels: `${quoted}.channels`, messages: `${quoted}.channel_messages` };
}

/**
 * Returns the SQL text that creates the tables of `postgresStore`. It changes nothing where they
 * exist, so a deployment can run it each time. It fails if the schema has tables of an earlier
 * version. Run it as a role that may create the schema. The
 * store itself needs the rights to select, insert, update and delete.
 *
 * @param schema The name of the schema: letters, digits and _, at most 63.
 * @default 'rxwire'
 * @throws {TypeError} If the name of the schema is invalid.
 * @example
 * import { postgresMigration } from 'rxwire/postgres';
 *
 * console.log(postgresMigration().split('\n')[0]); // prints: create schema if not exists "rxwire";
 */
export function postgresMigration(schema: string = DEFAULT_SCHEMA): string {
  const { logs, entries, channels, messages } = tablesOf('postgresMigration', schema);
  return `create schema if not exists ${quotedSchema('postgresMigration', schema)};
select (case when to_regclass('${quotedSchema('postgresMigration', schema)}.dead_letters') is null then '0'
  else 'an earlier version of rxwire has written the tables of the schema ${schema}: drop them' end)::int;
create table if not exists ${logs} (
  name text primary key,
  head bytea,
  last bigint not null,
  version bigint not null default 1,
  used_at timestamptz not null default now()
) with (fillfactor = 50);
create table if not exists ${entries} (
  log text,
  key bigint,
  value bytea not null,
  primary key (log, key)
);
create table if not exists ${channels} (
  name text collate "C" primary key,
  epoch text not null,
  last bigint not null default 0,
  total bigint not null default 0,
  at bigint,
  end_offset bigint,
  end_data bytea,
  max_messages float8,
  max_bytes float8,
  max_age float8
) with (fillfactor = 50);
insert into ${channels} (name, epoch) values ('', md5(random()::text || clock_timestamp()::text)) on conflict do nothing;
create table if not exists ${messages} (
  channel text collate "C",
  position bigint,
  key text not null,
  size bigint not null,
  total bigint not null,
  at bigint not null,
  data bytea not null,
  primary key (channel, position),
  unique (channel, key)
);
`;
}

function quotedSchema(owner: string, schema: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(schema))
    throw new TypeError(`${owner}: "schema" must be letters, digits and _, at most 63, got ${JSON.stringify(schema)}`);
  return `"${schema}"`;
}

/**
 * Returns a value of a row as MessagePack, in base64: JSON has no bytes and no bigints.
 *
 * @throws {StoreError} `failed`, for a value that MessagePack does not support.
 */
export function packText(value: unknown): string {
  try {
    return packValue(value).toString('base64');
  } catch (cause) {
    throw asPostgresStoreError(cause);
  }
}

/** Returns the value; `undefined` if the text is not one of {@link packText}. */
export function unpackText(text: unknown): unknown {
  return unpackValue(Buffer.from(String(text), 'base64'));
}

/** The statements on the tables. Most take their rows as one JSON text: any driver can send it. */
export type LogStatements = ReturnType<typeof logStatements>;

export function logStatements({ logs, entries }: PostgresTables) {
  // Not a statement of its own, which would be one more round trip.
  const limits = `limits as materialized (select set_config('idle_in_transaction_session_timeout', $2, true), set_config('lock_timeout', $3, true))`;
  const entry = `e.key::text, encode(e.value, 'base64') as value`;
  return {
    /**
     * Locks logs, and returns the rows of those that exist. It does not wait: another transaction
     * may have locked some. It also takes the `idleTimeout` and the `lockTimeout` of the
     * transaction, in ms, and sets them for its rest.
     */
    lock: `with ${limits}, given as materialized (select json_array_elements_text($1::json) as name from limits),
locked as materialized (select l.* from ${logs} as l where l.name in (select name from given) order by l.name for update of l skip locked)
select l.name, k.name is null as is_locked, encode(k.head, 'base64') as head, k.last::text as last, k.version::text as version
from ${logs} as l left join locked as k on k.name = l.name where l.name in (select name from given)`,
    create: `insert into ${logs} (name, last) values ($1, 0) on conflict (name) do nothing`,
    lockOne: `select encode(l.head, 'base64') as head, l.last::text as last, l.version::text as version from ${logs} as l where l.name = $1 for update`,
    /** Stores rows that still have their versions, and new ones. Returns their number. */
    write: `with ${limits}, given as materialized (
  select given.* from limits, json_to_recordset($1::json) as given(name text, head text, last bigint, version bigint) order by name),
inserted as (insert into ${logs} (name, head, last)
  select name, decode(head, 'base64'), last from given where version = 0 on conflict (name) do nothing returning 1),
updated as (update ${logs} as l set head = coalesce(decode(given.head, 'base64'), l.head), last = given.last, version = l.version + 1, used_at = now()
  from given where l.name = given.name and l.version = given.version returning 1)
select ((select count(*) from inserted) + (select count(*) from updated))::text as count`,
    put: `insert into ${entries} (log, key, value) select log, key, decode(value, 'base64')
from json_to_recordset($1::json) as given(log text, key bigint, value text) on conflict (log, key) do update set value = excluded.value`,
    drop: `delete from ${entries} as e using json_to_recordset($1::json) as given(log text, low bigint, high bigint)
where e.log = given.log and e.key between given.low and given.high`,
    read: `select ${entry} from ${entries} as e where e.log = $1 and e.key > $2 order by e.key limit $3`,
    count: `select count(*)::text as count from ${entries} as e where e.log = $1`,
    /** Removes the oldest entries of a log above a number, and returns them. */
    evict: `delete from ${entries} as e where e.log = $1
and e.key <= (select key from ${entries} where log = $1 order by key desc offset $2 limit 1) returning ${entry}`,
  };
}
