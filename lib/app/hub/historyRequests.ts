import { catchError, concatMap, defer, EMPTY, finalize, mergeMap, Subject, type Observable } from 'rxjs';
import { estimateSize } from '../../internal/estimateSize.js';
import { asObservable } from '../../internal/maybeAsync.js';
import type { ChannelHistoryRequest, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelEntry, ChannelLog, ChannelQuery, ChannelSlice } from './channelLog.js';
import { PAGE_BYTES } from './channelRange.js';
import { pastMessage } from './hubMessages.js';
import type { PageFlow } from './pageFlow.js';

export interface HistoryRequestsOptions {
  readonly log: Pick<ChannelLog, 'read'>;
  readonly flow: PageFlow;
  /** The maximum number of messages in one answer. */
  readonly maxReplay: number;
  /** The maximum number of requests of the client that are not answered yet. */
  readonly maxRequests: number;
  /** Called when the log fails. */
  readonly onFailed: (request: Message, channel: string, error: unknown) => void;
}

/** The requests of one client for older messages. */
export interface HistoryRequests {
  /**
   * Answers a request when the earlier ones are answered: page by page, as the client acks them.
   * Returns false if too many requests wait.
   */
  readonly add: (request: Message, range: ChannelHistoryRequest) => boolean;
  /** Drops all requests. */
  readonly end: () => void;
}

export function createHistoryRequests({ log, flow, maxReplay, maxRequests, onFailed }: HistoryRequestsOptions): HistoryRequests {
  const answers$ = new Subject<Observable<never>>();
  const answering = answers$.pipe(concatMap((answer$) => answer$)).subscribe();
  let open = 0;

  /** @param end The position behind the range, once it is known. */
  const answer = (request: Message, channel: string, query: ChannelQuery, end = query.before): Observable<never> =>
    flow.read(asObservable(() => log.read(channel, query))).pipe(
      mergeMap((slice) => {
        const { epoch, last } = slice;
        const before = end ?? { epoch, offset: last + 1 };
        const page = firstPage(slice, query, before);
        const reached = page.at(-1);
        const left = query.limit - page.length;
        const isMore = reached !== undefined && left > 0 && reached.offset < before.offset - 1;
        const past = page.filter(({ message: { type } }) => type !== 'channel.ended');
        void flow.send([pastMessage(request, channel, past, isMore)]);
        return isMore ? answer(request, channel, { after: reached, before, limit: left }, before) : EMPTY;
      }),
    );

  return {
    add(request, { channel, before, limit }) {
      if (open >= maxRequests) return false;
      open++;
      const answer$ = defer(() => answer(request, channel, { before, limit: Math.min(limit, maxReplay) })).pipe(
        catchError((error: unknown) => {
          onFailed(request, channel, error);
          return EMPTY;
        }),
        finalize(() => open--),
      );
      answers$.next(answer$);
      return true;
    },
    end: () => answering.unsubscribe(),
  };
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
