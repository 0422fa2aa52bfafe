import type { TextMutant } from '../textMutants.js';

const CLIENT = 'server/hub/hubClient.ts';
const CURSOR = 'server/hub/channelCursor.ts';

/** Faults in the hub and in its clients, each of which a seed must find. */
export const channelsMutants: readonly TextMutant[] = [
  {
    name: 'a hub does not check what its clients publish',
    ...{ file: CLIENT, from: 'const fault = check.faultOfArrived(message);', to: 'const fault = undefined as Error | undefined;' },
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
      file: 'operators/channels/channelReaders.ts',
      from: 'this.notify(readers, (reader) => reader.onGap(gap));',
      to: 'for (let time = 0; time < 2; time++) this.notify(readers, (reader) => reader.onGap(gap));',
    },
  },
  {
    name: 'a join is refused when the log fails',
    ...{ file: CLIENT, from: '(error) => this.#retries.start(channel, () => enter(), error)', to: "() => refuse('failed')" },
  },
  {
    name: 'a join that is repeated forgets who watches',
    ...{ file: 'server/hub/hubChannel.ts', from: 'watch ?? former?.isWatching === true', to: 'watch === true' },
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
    ...{ file: CURSOR, from: 'if (isWithin(previous, entry)) {', to: 'if (isWithin(undefined, entry)) {', firstSeed: 7001 },
  },
  {
    name: 'a hub skips what is published between its last read and its tail',
    ...{ file: CURSOR, from: 'position.offset > goal.offset) this.#read();', to: 'position.offset > goal.offset + 1_000) this.#read();' },
  },
  {
    name: 'a lost log is no gap',
    ...{
      file: 'operators/channels/channelReaders.ts',
      from: "if (effect === 'gap') {",
      to: "if (effect === 'gap' && position?.epoch === epoch) {",
    },
  },
  {
    name: 'a publication is confirmed that the log has refused',
    ...{
      file: CLIENT,
      from: '(error) => this.#failed(publish, error),',
      to: "() => this.#confirm(publish, { epoch: 'none', offset: 1 }),",
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
      file: 'server/hub/channelHistory.ts',
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
      file: CURSOR,
      from: 'if (this.#ahead <= MAX_AHEAD && wire.room > RESERVED) wire.next(own);',
      to: 'if (this.#ahead <= 1e9) wire.next(own);',
    },
  },
  {
    name: 'a hub confirms each join as complete',
    ...{
      file: CURSOR,
      from: 'const complete = isComplete || (!after && !start);',
      to: 'const complete = Boolean(after) || Boolean(start) || isComplete || true;',
    },
  },
  {
    name: 'a hub does not notice that its log has lost messages',
    ...{
      file: 'server/hub/followLog.ts',
      from: 'if (isReading && !slice.isComplete) cursor.position = undefined;',
      to: 'if (isReading && slice.epoch === "") cursor.position = undefined;',
      firstSeed: 1001,
    },
  },
  {
    name: 'a member does not join again when its session is lost',
    ...{
      file: 'operators/channels/membership.ts',
      from: "cause === 'lost' && !isOut(this.state$.value)",
      to: "cause === 'lost' && this.#isIn('left')",
    },
  },
];
