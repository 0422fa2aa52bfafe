import type { TextMutant } from '../textMutants.js';

const CLIENT = 'server/hub/hubClient.ts';
const CURSOR = 'channels/memberCursor.ts';
const FLOW = 'channels/flowControl.ts';
const CHANNEL = 'server/hub/hubChannel.ts';
const HISTORY = 'server/hub/answerHistory.ts';
const MEMBERSHIP = 'operators/channels/membership.ts';
const CORE = 'channels/membershipCore.ts';
const POSITIONS = 'channels/readerPositions.ts';
const TRACKER = 'channels/memberTracker.ts';

/** Faults in the hub and in its clients, each of which a seed must find. */
export const channelsMutants: readonly TextMutant[] = [
  {
    name: 'a hub does not check what its clients publish',
    ...{
      file: CLIENT,
      from: 'refusalOfPublication(publication, check.faultOfArrived(message));',
      to: 'refusalOfPublication(publication, undefined);',
    },
  },
  {
    name: 'a hub does not check what its server publishes',
    ...{ file: 'server/hub/hub.ts', from: 'const fault = check.faultOf(message);', to: 'const fault = undefined;' },
  },
  {
    name: 'a hub estimates the size of a message',
    ...{
      file: 'server/hub/messageCheck.ts',
      from: 'const size = sizeOf(form, codec) -',
      to: 'const size = sizeOf(form, codec) && estimateSize(message, limit); //',
    },
  },
  {
    name: 'a message that cannot be sent has no stand-in',
    ...{ file: 'server/session/coreOptions.ts', from: '    standInsFor,\n', to: '' },
  },
  {
    name: 'a gap is reported twice',
    ...{
      file: MEMBERSHIP,
      from: 'this.#notify(receivers, (reader) => reader.onGap(gap));',
      to: 'for (let time = 0; time < 2; time++) this.#notify(receivers, (reader) => reader.onGap(gap));',
    },
  },
  {
    name: 'a join is refused when the log fails',
    ...{ file: CLIENT, from: '(error) => this.#retries.start(channel, () => enter(), error)', to: "() => refuse('failed')" },
  },
  {
    name: 'a join that is repeated forgets who watches',
    ...{ file: CHANNEL, from: 'watch ?? former?.isWatching === true', to: 'watch === true' },
  },
  {
    name: 'an unreadable message hides the rest of a page',
    ...{
      file: 'channels/channelPayloads.ts',
      from: "callSafely(() => parseMessage(message, 'payload.message'), onUnreadable)",
      to: "(void onUnreadable, parseMessage(message, 'payload.message'))",
    },
  },
  {
    name: 'a reader within a compacted message gets all of it',
    ...{ file: CURSOR, from: 'if (isWithin(previous, entry)) {', to: 'if (isWithin(undefined, entry)) {', firstSeed: 4601 },
  },
  {
    name: 'a hub skips what is published between its last read and its tail',
    ...{ file: CURSOR, from: 'at.offset < tail.offset;', to: 'at.offset + 1_000 < tail.offset;', firstSeed: 1401 },
  },
  {
    name: 'a lost log is no gap',
    ...{
      file: POSITIONS,
      from: 'if (!complete || from.epoch !== epoch) {',
      to: 'if (!complete && from.epoch === epoch) {',
    },
  },
  {
    name: 'a publication is confirmed that the log has refused',
    ...{
      file: CLIENT,
      from: '(error) => this.#failed(publication, error),',
      to: "() => this.#confirm(publication, { epoch: 'none', offset: 1 }),",
    },
  },
  {
    name: 'each message of a client has another publisher',
    ...{
      file: CLIENT,
      from: 'this.#publisher ??= this.wire.publisher;',
      to: "this.#publisher = Math.random().toString(36).slice(2, 10).padEnd(16, '0');",
    },
  },
  {
    name: 'a log stores messages behind an end',
    ...{
      file: 'channels/channelHistory.ts',
      from: 'if (this.#end) throw endedError(this.name, this.#end.message);',
      to: 'void endedError;',
    },
  },
  {
    name: 'a member that was away does not learn which keys are removed',
    ...{ file: 'channels/keyedContent.ts', from: 'deleted.after(Math.max(from, known), limit)', to: 'deleted.after(Infinity, limit)' },
  },
  {
    name: 'a hub sends a slow client all messages at once',
    ...{
      file: FLOW,
      from: 'ahead <= MAX_AHEAD && hasRoom(queue);',
      to: 'ahead <= 1e9 || hasRoom(queue);',
    },
  },
  {
    name: 'a hub confirms each join as complete',
    ...{
      file: CURSOR,
      from: 'complete: isComplete || (!after && !start) };',
      to: 'complete: Boolean(after) || Boolean(start) || isComplete || true };',
    },
  },
  {
    name: 'a hub does not notice that its log has lost messages',
    ...{
      file: 'server/hub/followLog.ts',
      from: 'if (isReading && !slice.isComplete) cursor.position = undefined;',
      to: 'if (isReading && slice.epoch === "") cursor.position = undefined;',
    },
  },
  {
    name: 'a member does not join again when its session is lost',
    ...{
      file: CORE,
      from: "cause === 'lost' ? !isOut(this.state)",
      to: "cause === 'lost' ? this.state === LEFT",
    },
  },
  {
    name: 'a member whose session has ended stays present',
    ...{ file: CHANNEL, from: 'if (!absence) this.#members.remove(cursor.member);', to: 'if (!absence) void 0;' },
  },
  {
    name: 'a member that leaves stays present',
    ...{ file: CLIENT, from: 'if (cursor) this.#hub.channels.open(channel).leave(cursor);', to: 'cursor?.end();' },
  },
  {
    name: 'a hub forgets a client that dies, and not its members',
    ...{ file: CLIENT, from: 'this.#hub.channels.open(channel).end(cursor);', to: 'cursor.end(), void channel;' },
  },
  {
    name: 'a member that returns after its grace stays absent',
    ...{ file: CHANNEL, from: 'if (absence.left) this.#members.add(absence.left);', to: '' },
  },
  {
    name: 'a new state is not announced',
    ...{ file: TRACKER, from: 'else if (member && hasNewState) all.updated.push(member);', to: '' },
  },
  {
    name: 'the other hubs do not learn a new state',
    ...{ file: TRACKER, from: 'if (hasNewOwnState) own.updated.push(member);', to: '' },
  },
  {
    name: 'a list of members does not replace the one before',
    ...{ file: 'server/hub/hubMessages.ts', from: 'left: [], reset: true,', to: 'left: [], reset: false,' },
  },
  {
    name: 'a history has one page',
    ...{ file: HISTORY, from: 'const more = reached !== undefined &&', to: 'const more = limit < 0 && reached !== undefined &&' },
  },
  {
    name: 'the pages of a history do not wait for room',
    ...{ file: HISTORY, from: 'return hasRoom(flow.wire) ? next$ :', to: 'return sent ? next$ :' },
  },
  {
    name: 'the end of a channel is a part of its history',
    ...{ file: HISTORY, from: "page.filter(({ message: { type } }) => type !== 'channel.ended')", to: 'page' },
  },
  {
    name: 'a message is a repeat of one by another publisher',
    ...{
      file: 'channels/publisherMark.ts',
      from: 'return MARKED.test(source) ?',
      to: 'if (source) return id; return MARKED.test(source) ?',
    },
  },
  {
    name: 'a client does not request what is missing',
    ...{
      file: CORE,
      from: 'this.#mayRepair(at, position)) return { receivers: [], mustJoin: true };',
      to: 'this.#mayRepair(at, position)) void 0;',
    },
  },
  {
    name: 'a client whose position is unknown has no gap',
    ...{ file: POSITIONS, from: "=== 'repeat' && (complete || from.offset > after))", to: "=== 'repeat')" },
  },
  {
    name: 'a publication behind the end is confirmed',
    ...{
      file: CLIENT,
      from: 'const reason = refusalOf(error);',
      to: "const reason = refusalOf(error); if (reason === 'ended') return this.#confirm(publication, { epoch: 'none', offset: 1 });",
    },
  },
  {
    name: 'an ephemeral message is stored',
    ...{ file: 'channels/publication.ts', from: "...(ephemeral && { delivery: 'at-most-once' })", to: '' },
  },
  {
    name: 'a refused publication is acked as any other',
    ...{ file: CLIENT, from: 'if (rejection) claim(message)?.end({ rejection });', to: 'void rejection;' },
  },
  {
    name: 'a compacted message leaves the first of its messages out',
    ...{ file: 'server/hub/compactor.ts', from: 'compact(block.map(', to: 'compact(block.slice(1).map(' },
  },
  {
    name: 'a page behind a gap does not say so',
    ...{ file: CURSOR, from: 'const from = isComplete ? this.#position :', to: 'const from = last >= 0 ? this.#position :' },
  },
  {
    name: 'a member that has missed removed keys gets no gap',
    ...{ file: CHANNEL, from: '({ ...whole, isComplete: false })', to: '({ ...whole, isComplete: true })' },
  },
  {
    name: 'a hub follows a channel from its start after a failure',
    ...{ file: CHANNEL, from: 'this.tail.position ??= { epoch: slice.epoch, offset: slice.last };', to: '' },
  },
  {
    name: 'a reader with all messages does not get the end',
    ...{ file: 'server/hub/channelCursor.ts', from: 'if (end && entries', to: 'if (end && end.offset < 0 && entries' },
  },
];
