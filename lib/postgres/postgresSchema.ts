export const DEFAULT_SCHEMA = 'rxwire';

/** The quoted names of the tables. */
export interface PostgresTables {
  readonly senders: string;
  readonly deadLetters: string;
}

/** @throws {TypeError} If the name of the schema is invalid. */
export function tablesOf(owner: string, schema: string): PostgresTables {
  const quoted = quotedSchema(owner, schema);
  return { senders: `${quoted}.senders`, deadLetters: `${quoted}.dead_letters` };
}

/**
 * Returns the SQL text that creates the tables of `postgresInbox`. It changes nothing where they
 * exist, so a deployment can run it each time. Run it as a role that may create the schema. The
 * inbox itself needs the rights to select, insert, update and delete.
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
  const { senders, deadLetters } = tablesOf('postgresMigration', schema);
  return `create schema if not exists ${quotedSchema('postgresMigration', schema)};
create table if not exists ${senders} (
  pid text primary key,
  owner text not null,
  epoch bigint not null,
  n bigint not null,
  is_new boolean not null,
  done bigint,
  finished text,
  rejections text,
  session bytea,
  used_at timestamptz not null default now()
) with (fillfactor = 50);
create table if not exists ${deadLetters} (
  id bigint generated always as identity primary key,
  letter bytea not null
);
`;
}

function quotedSchema(owner: string, schema: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(schema))
    throw new TypeError(`${owner}: "schema" must be letters, digits and _, at most 63, got ${JSON.stringify(schema)}`);
  return `"${schema}"`;
}
