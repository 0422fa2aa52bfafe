import { asapScheduler, Subscription, type Unsubscribable } from 'rxjs';
import { after } from '../../internal/after.js';
import { RECORDS_TYPE } from '../../link/http/httpHeaders.js';
import { createRecordQueue } from '../../link/http/recordQueue.js';
import { CLIENT_TIMEOUT, type Downlink, type DownlinkOptions } from './downlink.js';
import { type HttpResponse, respond } from './exchange.js';

/** Sends frames in responses to polls, each held until there are frames. */
export function pollDownlink(options: DownlinkOptions): Downlink {
  const queue = createRecordQueue();
  const poll = createHeldPoll(options);
  let isFlushing = false;
  let isEnded = false;

  const release = (): void => {
    poll.answer(queue.bytes > 0 ? queue.take() : undefined);
    if (isEnded && queue.bytes === 0) poll.close();
  };
  const flush = (): void => {
    isFlushing = false;
    if (poll.isHeld && queue.bytes > 0) release();
  };
  const attach = (response: HttpResponse): void => {
    poll.hold(response, release);
    if (queue.bytes > 0) release();
  };
  return {
    protocol: 'long-polling',
    buffered: () => queue.bytes,
    isHeld: () => poll.isHeld,
    open: attach,
    attach,
    close: poll.close,
    send(frame) {
      queue.push(frame);
      if (isFlushing || !poll.isHeld) return;
      isFlushing = true;
      // Frames that are sent in one run share a response.
      asapScheduler.schedule(flush);
    },
    end(ending) {
      isEnded = true;
      queue.push(ending);
      flush();
    },
  };
}

/** The held poll. If the next one does not arrive in time, the client has disconnected. */
function createHeldPoll({ scheduler, pollHold, onClosed }: DownlinkOptions) {
  let heldResponse: HttpResponse | undefined;
  let timer: Unsubscribable = Subscription.EMPTY;

  const wait = (delay: number, then: () => void): void => {
    timer.unsubscribe();
    timer = after(delay, scheduler).subscribe(then);
  };
  const answer = (body?: Uint8Array): void => {
    const response = heldResponse;
    if (!response) return;
    heldResponse = undefined;
    wait(CLIENT_TIMEOUT, close);
    if (body) respond(response, 200, { 'content-type': RECORDS_TYPE }, body);
    else respond(response, 204);
  };
  const close = (): void => {
    answer();
    timer.unsubscribe();
    onClosed();
  };
  return {
    get isHeld() {
      return heldResponse !== undefined;
    },
    answer,
    close,
    hold(response: HttpResponse, onTime: () => void): void {
      // A newer poll supersedes the held one.
      answer();
      heldResponse = response;
      wait(pollHold, onTime);
      response.on('close', () => {
        if (heldResponse !== response) return;
        heldResponse = undefined;
        close();
      });
    },
  };
}
