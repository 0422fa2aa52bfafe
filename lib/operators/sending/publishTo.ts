import { Observable, type OperatorFunction } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { textOf } from '../../message/errors/rxwireError.js';
import { readOptions, whole, type OptionTable } from '../../message/options/readOptions.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { MAX_REASON_LENGTH } from '../../message/messageLimits.js';
import type { ChannelSubject } from '../channels/channelSubject.js';
import { pullFrom, type MessageSink } from './pullFrom.js';
import type { MessageSource, SendOptions } from './sendOptions.js';

export type PublishOptions = Omit<SendOptions, 'emitFailed'>;

const PUBLISH_OPTIONS = { ahead: [whole, 256], maxBuffered: [whole, 10_000] } as const satisfies OptionTable<PublishOptions>;

/**
 * Publishes the messages of a source to a channel. At most `ahead` messages have no answer of the
 * log yet; then it waits before it reads the next one. Emits the position of each message, in
 * order. When the source completes, the channel ends for all; when it fails, the channel ends with
 * the text of the error as the reason, and the error is delivered. Unsubscribing stops the source,
 * and does not end the channel.
 *
 * An iterable, an async iterable, a Node `Readable` in object mode and a Web `ReadableStream` wait
 * until there is room. An Observable cannot wait: its messages are buffered, `maxBuffered` at most.
 *
 * @param channel A channel of a hub, or of a client, which needs the permission to end it.
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {TypeError} At call time, if `source` is no source of messages.
 * @throws {RxwireError} Delivered: the error of the first message that is not published, as
 *   `channel.send` rejects with it. The channel does not end.
 * @throws {OverflowError} Delivered, when more than `maxBuffered` messages of an Observable wait.
 *   The channel ends with that reason.
 * @example
 * import { createMessage, hub, publishAll } from 'rxwire';
 *
 * const lines = ['one', 'two'].map((text) => createMessage('note', text));
 * publishAll(hub().channel('run.42'), lines).subscribe({
 *   complete: () => console.log('the run has ended'),
 * });
 * // prints: the run has ended
 */
export function publishAll(
  channel: ChannelSubject,
  source: MessageSource,
  options: PublishOptions = {},
): Observable<ChannelPosition | undefined> {
  checkOptions('publishAll', options);
  const { ahead, maxBuffered } = readOptions('publishAll', options, PUBLISH_OPTIONS);
  const start = pullFrom(source, maxBuffered);

  return new Observable((to) => {
    let used = 0;
    let isOver = false;
    let end: { readonly error?: unknown } | undefined;

    const stop = (): void => {
      isOver = true;
      pull.release();
    };
    const fail = (error: unknown): void => {
      if (isOver) return;
      stop();
      to.error(error);
    };
    const finish = (): void => {
      if (isOver || used > 0 || !end) return;
      stop();
      const failure = end;
      channel.end('error' in failure ? reasonOf(failure.error) : undefined).then(
        () => ('error' in failure ? to.error(failure.error) : to.complete()),
        (error: unknown) => to.error('error' in failure ? failure.error : error),
      );
    };
    const sink: MessageSink = {
      hasRoom: () => !isOver && !end && used < ahead,
      next(message) {
        if (isOver || end) return;
        used++;
        channel.send(message).then((position) => {
          used--;
          if (isOver) return;
          to.next(position);
          pull.pull();
          finish();
        }, fail);
      },
      end(how = {}) {
        end ??= how;
        finish();
      },
      fail(error) {
        end ??= { error };
        pull.release();
        finish();
      },
    };
    const pull = start(sink);
    to.add(() => {
      if (!isOver) stop();
    });
    pull.pull();
  });
}

/**
 * Publishes each message of the source to a channel, and emits its position. This is {@link
 * publishAll} as an operator.
 *
 *     source                          -a-b-c----|
 *     positions                       -----1-2--3
 *     publishTo(channel, ahead: 2)    -----1-2--(3|)
 *
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
 * @throws {RxwireError} Delivered, as by {@link publishAll}.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, hub, publishTo } from 'rxwire';
 *
 * const run = hub().channel('run.42');
 * of(createMessage('run.output', 'tea'))
 *   .pipe(publishTo(run))
 *   .subscribe((position) => console.log(position?.offset)); // prints: 1
 */
export function publishTo(channel: ChannelSubject, options: PublishOptions = {}): OperatorFunction<Message, ChannelPosition | undefined> {
  checkOptions('publishTo', options);
  readOptions('publishTo', options, PUBLISH_OPTIONS);
  return (source) => publishAll(channel, source, options);
}

function reasonOf(error: unknown): string {
  const { message = '' } = Object(error) as Partial<Error>;
  return (message ? textOf(error as Error) : String(error)).replace(/\p{Cc}/gu, ' ').slice(0, MAX_REASON_LENGTH) || 'unknown';
}
