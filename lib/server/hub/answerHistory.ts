import { EMPTY, from, mergeMap, type Observable } from 'rxjs';
import { asObservable } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { ChannelLog, ChannelQuery } from '../../channels/channelLog.js';
import { hasRoom, pageOf } from '../../channels/flowControl.js';
import { answerMessage } from './hubMessages.js';
import type { ClientFlow } from './clientFlow.js';

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
        const inRange = entries.filter((one) => one.epoch === before.epoch && one.offset > first && one.offset < before.offset);
        const page = pageOf(inRange).entries;
        const reached = page.at(-1);
        const left = limit - page.length;
        const more = reached !== undefined && left > 0 && reached.offset < before.offset - 1;
        const past = page.filter(({ message: { type } }) => type !== 'channel.ended');
        const payload = { channel, entries: past.map(({ epoch, offset, message }) => ({ epoch, offset, message })), more };
        const sent = flow.send([answerMessage(request, 'channel.past', payload)]);
        if (!more) return EMPTY;
        const next$ = answerHistory(log, flow, { request, channel, query: { after: reached, before, limit: left } });
        // A full queue would drop another page. One that it has dropped is not followed by others:
        // the client is informed.
        return hasRoom(flow.wire) ? next$ : from(sent).pipe(mergeMap((isDropped) => (isDropped ? EMPTY : next$)));
      }),
    );
}
