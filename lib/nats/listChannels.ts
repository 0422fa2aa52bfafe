import { concatMap, defer, from, mergeMap, type Observable } from 'rxjs';
import type { ChannelInfo } from '../app/hub/channelLog.js';
import { endOf, type LogContext } from './logContext.js';
import { offsetOf } from './streamEntry.js';
import type { StreamEpoch } from './streamEpochs.js';

/** The number of channels whose last entries are read at once. */
const CONCURRENCY = 32;

/**
 * Emits the channels whose names begin with `prefix`, in the order of their names. The leader of
 * the stream counts the subjects of all channels for it.
 */
export function listChannels(log: LogContext, prefix: string): Observable<ChannelInfo> {
  const { stream, subjects, epochs, reader, decodeQuietly } = log;
  const namesOf = async (): Promise<readonly string[]> => {
    const { state } = await stream.info({ subjects_filter: subjects.channels, deleted_details: false });
    const names = Object.keys(state.subjects ?? {}).map(subjects.channelOf);
    return names.filter((name) => name?.startsWith(prefix) === true).sort() as string[];
  };
  const infoOf = async (name: string, { epoch, since }: StreamEpoch): Promise<readonly ChannelInfo[]> => {
    const latest = await log.retry(() => reader.latest(subjects.of(name)));
    if (!latest || latest.seq <= since) return [];
    const messages = decodeQuietly(latest.data);
    const last = { epoch, offset: offsetOf(latest.seq, Math.max(0, messages.length - 1)) };
    return [{ name, last, at: latest.at, hasEnded: endOf(messages) !== undefined }];
  };
  return defer(() => log.retry(async () => ({ streamEpoch: await epochs.current(), names: await namesOf() }))).pipe(
    mergeMap(({ streamEpoch, names }) =>
      from(chunksOf(names)).pipe(concatMap((chunk) => Promise.all(chunk.map((name) => infoOf(name, streamEpoch))))),
    ),
    mergeMap((infos) => infos.flat()),
  );
}

function chunksOf(names: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(names.length / CONCURRENCY) }, (_, index) =>
    names.slice(index * CONCURRENCY, (index + 1) * CONCURRENCY),
  );
}
