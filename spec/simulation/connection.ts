import { Observable, Subscription, type Subscriber } from 'rxjs';
import { CloseCode, ConnectionLostError, type Frame, type Link } from '../../lib/index.js';
import type { Life } from './life.js';
import type { Parcel, Pipe } from './pipe.js';

/** One end of a connection, as the process that has it sees it. */
export interface End {
  readonly life: Life;
  readonly isOpen: boolean;
  /** For one subscriber. */
  readonly link: Link<Frame>;
  receive(parcel: Parcel): void;
  /** The operating system says that the connection is broken. */
  breakDown(): void;
}

export interface EndOptions {
  readonly life: Life;
  readonly pipe: Pipe;
  /** Told of each frame that goes out, and of each that is about to be taken. */
  readonly onSent: (frame: Frame) => void;
  readonly onTaken: (frame: Frame) => void;
  /** Called when the process ends the connection in good order. */
  readonly onLeft: () => void;
  /** Whether the machine lives on when the process dies, and says that its connections are broken. */
  readonly isTold: () => boolean;
}

type State = 'new' | 'open' | 'closing' | 'closed';

export function createEnd({ life, pipe, onSent, onTaken, onLeft, isTold }: EndOptions): End {
  let state: State = 'new';
  let subscriber: Subscriber<Frame> | undefined;
  const sending = new Subscription();

  const leave = (code: number, reason: string): void => {
    if (state === 'closed') return;
    state = 'closed';
    if (life.isAlive()) pipe.send({ close: code, reason });
    sending.unsubscribe();
  };
  const end = (code: number, reason: string): void => {
    leave(code, reason);
    if (code === CloseCode.NORMAL) subscriber?.complete();
    else subscriber?.error(new ConnectionLostError(code, reason, true));
  };
  const send = (frame: Frame): void => {
    if (state !== 'open' || !life.step()) return;
    pipe.send({ frame });
    onSent(frame);
  };
  const fail = (error: unknown): void => {
    if (state === 'open' && life.isAlive() && isOrderly(error)) onLeft();
    if (error instanceof ConnectionLostError) leave(error.closeCode, error.reason);
    else leave(CloseCode.ABANDONED, '');
    subscriber?.error(error);
  };
  const sayGoodbye = (): void => {
    if (state !== 'open') return;
    state = 'closing';
    onLeft();
    pipe.send({ close: CloseCode.NORMAL, reason: '' });
  };
  const receive = (parcel: Parcel): void => {
    if (!life.isAlive() || (state !== 'open' && state !== 'closing')) return;
    if ('close' in parcel) end(parcel.close, parcel.reason);
    else {
      onTaken(parcel.frame);
      subscriber?.next(parcel.frame);
    }
  };
  life.onDeath(() => {
    if ((state === 'open' || state === 'closing') && isTold()) pipe.send({ close: CloseCode.ABNORMAL, reason: 'the process died' });
    state = 'closed';
  });

  return {
    life,
    get isOpen() {
      return state === 'open' || state === 'closing';
    },
    link: (outgoing) =>
      new Observable((opened) => {
        subscriber = opened;
        state = 'open';
        opened.add(() => {
          if (state === 'open' && life.isAlive()) onLeft();
          leave(CloseCode.ABANDONED, '');
        });
        sending.add(outgoing.subscribe({ next: send, error: fail, complete: sayGoodbye }));
      }),
    receive: (parcel) => life.whenRunning(() => receive(parcel)),
    breakDown: () =>
      life.whenRunning(() => {
        if (life.isAlive() && state !== 'new' && state !== 'closed') end(CloseCode.ABNORMAL, 'cut');
      }),
  };
}

/** Whether a process closes a connection because it ends a session in good order. */
function isOrderly(error: unknown): boolean {
  return error instanceof ConnectionLostError && (error.closeCode === CloseCode.ABANDONED || error.closeCode === CloseCode.GOING_AWAY);
}
