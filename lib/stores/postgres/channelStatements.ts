import type { PostgresTables } from './postgresSchema.js';

/** The limits of a channel without limits of its own, as the values of the statements. */
export type LimitValues = readonly [maxMessages: string, maxBytes: string, maxAge: string];

/** How long a transaction waits for a process that has paused, in ms: it holds locks. */
const IDLE_TIMEOUT = 5_000;

/** The clock of the database, in ms since 1970: all servers have the same. */
const NOW = `(extract(epoch from clock_timestamp()) * 1000)::bigint`;
/**
 * The condition that the limits keep the message `e` of the channel `c`. The messages of a channel
 * that has ended are as old as its end, which displaces none of them.
 */
const KEPT = `e.position > c.last - coalesce(c.max_messages, $2) - (c.end_offset is not null)::int
  and e.total - e.size >= c.total - coalesce(c.max_bytes, $3) - coalesce(octet_length(c.end_data), 0)
  and case when c.end_offset is null then e.at else c.at end > ${NOW} - coalesce(c.max_age, $4)`;

/**
 * The statements on the channels. Most take their rows as one JSON text, which every driver can
 * send. Messages are texts in base64. Numbers are `float8`, which every driver returns as numbers.
 */
export type ChannelStatements = ReturnType<typeof channelStatements>;

export function channelStatements({ channels, messages }: PostgresTables) {
  const head = `c.name, c.epoch, c.last::float8, c.total::float8, c.end_offset::float8, encode(c.end_data, 'base64') as end_data`;
  return {
    /**
     * Creates the channels that do not exist. All servers do so in one order: each waits for those
     * that another one creates. This is the first statement of a transaction: outside of it, the
     * database might make it serializable, and it would fail beside that of another server.
     */
    create: `with given as materialized (
  select set_config('idle_in_transaction_session_timeout', '${IDLE_TIMEOUT}', true), json_array_elements_text($1::json) as name)
insert into ${channels} (name, epoch) select g.name, c.epoch from given as g, ${channels} as c
where c.name = '' and not exists (select from ${channels} as k where k.name = g.name)
order by g.name on conflict do nothing`,
    /** Locks channels, in the order of their names. */
    lock: `select ${head}, c.max_messages, c.max_bytes, c.max_age from ${channels} as c
where c.name in (select json_array_elements_text($1::json)) order by c.name for update of c`,
    find: `select e.channel, e.key, e.position::float8 from json_to_recordset($1::json) as g(channel text, key text)
join ${messages} as e on e.channel = g.channel and e.key = g.key`,
    put: `insert into ${messages} (channel, position, key, size, total, at, data) select channel, position, key, size, total, ${NOW}, decode(data, 'base64')
from json_to_recordset($1::json) as g(channel text, position bigint, key text, size bigint, total bigint, data text)`,
    write: `update ${channels} as c set last = g.last, total = g.total, at = case when g.last > c.last then ${NOW} else c.at end, end_offset = g.end_offset, end_data = decode(g.end_data, 'base64'),
  max_messages = g.max_messages, max_bytes = g.max_bytes, max_age = g.max_age
from json_to_recordset($1::json) as g(name text, last bigint, total bigint, end_offset bigint, end_data text, max_messages float8, max_bytes float8, max_age float8)
where c.name = g.name`,
    /**
     * Removes the oldest messages above the limits, up to `$5` of each channel, and none behind one
     * that is kept, also where the clock was set back: there are no gaps.
     */
    trim: `delete from ${messages} as m using (
  select e.channel, e.position, bool_or(${KEPT}) over (partition by e.channel order by e.position) as is_kept
  from json_array_elements_text($1::json) as g(name) join ${channels} as c on c.name = g.name
  cross join lateral (select * from ${messages} as o where o.channel = c.name order by o.position limit $5) as e) as oldest
where m.channel = oldest.channel and m.position = oldest.position and not oldest.is_kept`,
    notify: `select pg_notify('${NOTIFICATIONS}', g.payload) from json_array_elements_text($1::json) as g(payload)`,
    /** Returns the present or future head of a channel, and the offset of its first message. */
    head: `select ${head}, (select e.position::float8 from ${messages} as e where e.channel = c.name and ${KEPT} order by e.position limit 1) as first
from ${channels} as c where c.name in ($1, '') order by c.name desc limit 1`,
    /** Returns the first messages of a range, up to a number and a size, but one at least. */
    page: `with base as (select o.position, o.total - o.size as before from ${messages} as o
  where o.channel = $1 and o.position >= $2 order by o.position limit 1)
select e.position::float8, encode(e.data, 'base64') as data from ${messages} as e, base
where e.channel = $1 and e.position >= base.position and e.position < $3 and (e.position = base.position or e.total - base.before <= $5)
order by e.position limit $4`,
    ends: `select c.name, c.epoch, c.last::float8 from ${channels} as c where c.name in (select json_array_elements_text($1::json))`,
    list: `select c.name, c.epoch, c.last::float8, c.at::float8, c.end_offset is not null as has_ended from ${channels} as c
where c.last > 0 and c.name >= $1 and starts_with(c.name, $1) order by c.name`,
  };
}

/** The notifications of all channels, of all schemas. */
export const NOTIFICATIONS = 'rxwire_channels';
