import { EMPTY, mergeMap, type Observable } from 'rxjs';
import { estimateSize } from '../../internal/estimateSize.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelEntry, ChannelLog, ChannelQuery, ChannelSlice } from './channelLog.js';
import { PAGE_BYTES } from './channelRange.js';
import { pastMessage } from './hubMessages.js';
import type { PageFlow } from './pageFlow.js';

/**
 * Answers a request of a client for older messages: page by page, as the client acks them.
 *
 * @param end The position behind the range, once it is known.
 */
export function answerHistory(
  log: Pick<ChannelLog, 'read'>,
  flow: PageFlow,
  { request, channel, query }: { readonly request: Message; readonly channel: string; readonly query: ChannelQuery },
  end: ChannelPosition | undefined = query.before,
): Observable<never> {
  return flow
    .read(() => asObservable(() => log.read(channel, query)))
    .pipe(
      mergeMap((slice) => {
        const { epoch, last } = slice;
        const before = end ?? { epoch, offset: last + 1 };
        const page = firstPage(slice, query, before);
        const reached = page.at(-1);
        const left = query.limit - page.length;
        const isMore = reached !== undefined && left > 0 && reached.offset < before.offset - 1;
        const past = page.filter(({ message: { type } }) => type !== 'channel.ended');
        void flow.send([pastMessage(request, channel, past, isMore)]);
        return isMore ? answerHistory(log, flow, { request, channel, query: { after: reached, before, limit: left } }, before) : EMPTY;
      }),
    );
}

/** Returns the first messages of a slice that belong to the range and to one page. */
function firstPage({ entries }: ChannelSlice, { after }: ChannelQuery, { epoch, offset: end }: ChannelPosition): readonly ChannelEntry[] {
  const from = typeof after === 'object' ? after.offset : 0;
  const page: ChannelEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    // A log may have ignored the end of the range, or may have begun another epoch.
    if (entry.epoch !== epoch || entry.offset <= from || entry.offset >= end) continue;
    bytes += estimateSize(entry.message);
    if (page.length > 0 && bytes > PAGE_BYTES) break;
    page.push(entry);
  }
  return page;
}
