import { catchError, EMPTY, from, mergeMap, of, type Observable } from 'rxjs';
import { estimateSize } from '../../message/estimateSize.js';
import { asObservable } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { ChannelEntry, ChannelLog, ChannelQuery } from '../../channels/channelLog.js';
import { PAGE_BYTES } from '../../channels/channelRange.js';
import { answerMessage } from './hubMessages.js';
import { mayPass, RESERVED, type ClientFlow } from './clientFlowControl.js';

/** Answers a request of a client for older messages: page by page, as the client acks them. */
export function answerHistory(
  log: Pick<ChannelLog, 'read'>,
  flow: ClientFlow,
  { request, channel, query }: { readonly request: Message; readonly channel: string; readonly query: ChannelQuery },
): Observable<never> {
  return flow
    .read((maxBytes) => asObservable(() => log.read(channel, { ...query, maxBytes })))
    .pipe(
      mergeMap(({ entries, epoch, last }) => {
        const { after, before = { epoch, offset: last + 1 }, limit } = query;
        const first = typeof after === 'object' ? after.offset : 0;
        // A log may have ignored the end of the range, or may have begun another epoch.
        const page = pageOf(entries.filter((one) => one.epoch === before.epoch && one.offset > first && one.offset < before.offset));
        const reached = page.at(-1);
        const left = limit - page.length;
        const more = reached !== undefined && left > 0 && reached.offset < before.offset - 1;
        const past = page.filter(({ message: { type } }) => type !== 'channel.ended');
        const payload = { channel, entries: past.map(({ epoch, offset, message }) => ({ epoch, offset, message })), more };
        const sent = flow.send([answerMessage(request, 'channel.past', payload)]);
        if (!more) return EMPTY;
        const next$ = answerHistory(log, flow, { request, channel, query: { after: reached, before, limit: left } });
        if (flow.wire.room > RESERVED) return next$;
        // The queue would drop another page. One that it has dropped is not followed by others: the
        // client is informed.
        return from(sent).pipe(
          catchError((error: unknown) => (mayPass(error) ? EMPTY : of(undefined))),
          mergeMap(() => next$),
        );
      }),
    );
}

/** Returns the first entries, up to the size of a page: at least one. */
function pageOf(entries: readonly ChannelEntry[]): readonly ChannelEntry[] {
  let bytes = 0;
  const end = entries.findIndex(({ message }, index) => (bytes += estimateSize(message)) > PAGE_BYTES && index > 0);
  return end < 0 ? entries : entries.slice(0, end);
}
