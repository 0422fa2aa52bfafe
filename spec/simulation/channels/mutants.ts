import type { TextMutant } from '../textMutants.js';

const CLIENT = 'server/hub/hubClient.ts';

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
      file: 'operators/channels/channelPayloads.ts',
      from: "callSafely(() => parseMessage(message, 'payload.message'), onUnreadable)",
      to: "(void onUnreadable, parseMessage(message, 'payload.message'))",
    },
  },
  {
    name: 'a refused request for older messages ends the membership',
    ...{
      file: 'operators/channels/membership.ts',
      from: "join === undefined ? correlationId !== '' : join",
      to: 'join !== undefined && join',
    },
  },
];
