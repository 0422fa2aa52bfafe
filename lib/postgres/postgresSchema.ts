export const DEFAULT_SCHEMA = 'rxwire';

/** The quoted names of the tables. */
export interface PostgresTables {
  /** The heads of logs, by name. */
  readonly logs: string;
  /** The entries of logs, by name and key. */
  readonly entries: string;
  /** The heads of channels, by name. That with the empty name has the epoch of new channels. */
  readonly channels: string;
  /** The messages of channels, by name and offset. */
  readonly messages: string;
}

/** @throws {TypeError} If the name of the schema is invalid. */
export function tablesOf(owner: string, schema: string): PostgresTables {
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
