import { noop, Subject } from 'rxjs';
import { ClientFlow } from '../../../lib/server/hub/clientFlow.js';
import type { Wire } from '../../../lib/wire/wire.js';

const WHOLE = 262_144;
const PART = 32_768;

describe('the flow of a client', () => {
  it('gives the only reader a whole page, and up to eight readers a part each', () => {
    const flow = new ClientFlow({} as unknown as Wire, (work) => work());
    const asked: number[] = [];
    const pages = Array.from({ length: 12 }, () => {
      const page$ = new Subject<string>();
      flow
        .read((maxBytes) => {
          asked.push(maxBytes);
          return page$;
        })
        .subscribe({ error: noop });
      return page$;
    });
    expect(asked).toEqual([WHOLE]);
    pages[0]!.next('page');
    expect(asked).toEqual([WHOLE, ...Array<number>(8).fill(PART)]);
    pages[5]!.error(new Error('the log fails'));
    expect(asked).toHaveLength(10);
    pages.forEach((page$) => page$.next('page'));
    expect(asked).toHaveLength(12);
    expect(flow.isFull).toBe(false);
  });

  it('reads no page while the client has not acked enough', async () => {
    let ack = (): void => undefined;
    const wire = { send: () => new Promise<void>((resolve) => (ack = resolve)) } as unknown as Wire;
    const flow = new ClientFlow(wire, (work) => work());
    const sent = flow.send([{ payload: '' } as never], WHOLE);
    let isRead = false;
    flow.read(() => ((isRead = true), new Subject())).subscribe();
    expect([flow.isFull, isRead]).toEqual([true, false]);
    ack();
    await sent;
    expect([flow.isFull, isRead]).toEqual([true, true]);
  });
});
