import { Subject } from 'rxjs';
import { createRequestRunner, type RequestState } from '../../../lib/operators/requests/requestRunner.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';

const wires: Subject<Message>[] = [];
afterEach(() => wires.splice(0).forEach((wire) => wire.complete()));

/** A wire that keeps what is sent, and answers with what the test says. */
class OtherSide extends Subject<Message> {
  readonly sent: Message[] = [];
  constructor() {
    super();
    wires.push(this);
  }
  override next(message: Message): void {
    this.sent.push(message);
  }
  answer(request: Message, type: string, payload: unknown): void {
    super.next(createMessage(type, payload, { correlationId: request.id }));
  }
}

describe('createRequestRunner', () => {
  it('is not running when the options of the request are not valid', () => {
    const { state$, run } = createRequestRunner(new OtherSide(), { timeout: 0 });
    const states: RequestState[] = [];
    state$.subscribe((state) => states.push(state));
    expect(() => run(createMessage('ask', null))).toThrow(RangeError);
    expect(states.map(({ status }) => status)).toEqual(['idle']);
  });

  it('sends nothing when a subscriber of its state cancels at once, and one request when it sends another', () => {
    const wire = new OtherSide();
    const { state$, run, cancel } = createRequestRunner(wire);
    const states: RequestState[] = [];
    state$.subscribe((state) => states.push(state));
    const first = state$.subscribe(({ status }) => status === 'running' && cancel());
    run(createMessage('ask', 1));
    first.unsubscribe();
    expect([wire.sent, states.at(-1)]).toEqual([[], { status: 'idle' }]);
    let again = (): void => run(createMessage('ask', 3));
    state$.subscribe(({ status }) => {
      if (status !== 'running') return;
      const send = again;
      again = () => undefined;
      send();
    });
    run(createMessage('ask', 2));
    expect(wire.sent.map(({ payload }) => payload)).toEqual([3]);
    wire.answer(wire.sent[0]!, 'reply.last', 'yes');
    expect(states.at(-1)).toEqual({ status: 'done', value: 'yes' });
  });

  it('keeps the latest reply of a request that is cancelled, and cancels it at the other side', () => {
    const wire = new OtherSide();
    const { state$, run, cancel } = createRequestRunner(wire);
    run(createMessage('ask', 1));
    wire.answer(wire.sent[0]!, 'reply', 'so far');
    cancel();
    cancel();
    const states: unknown[] = [];
    state$.subscribe((state) => states.push(state));
    expect(states).toEqual([{ status: 'idle', value: 'so far' }]);
    expect(wire.sent.map(({ type }) => type)).toEqual(['ask', 'request.cancel']);
  });
});
