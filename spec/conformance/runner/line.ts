import type { Frame } from '../../../lib/io/link.js';

/** One connection, as the tester has it. */
export interface Carrier {
  readonly send: (frame: Frame) => void;
  /** Closes with a code; without one, cuts the connection. */
  readonly close: (code?: number) => void;
}

export interface Received {
  readonly fields: readonly unknown[];
  /** The batch as it came, without the ack that it carried. */
  readonly raw: string;
}

const CARRIED = /^\["ackmsg",(\d+),(\d+),(\d+),(\d+),/;
/** What may come at any time. */
const isIncidental = ([kind]: readonly unknown[]): boolean => kind === 'ack' || kind === 'ping';
/** How long what must come may take, in ms. */
export const patience = { ms: 2_000 };

/** What has come over one connection. A batch that carries an ack is taken for an ack and a batch. */
export class Line {
  /** The `done` of the last ack. */
  done: number | undefined;
  code: number | undefined;
  carrier!: Carrier;
  readonly #frames: Received[] = [];
  #arrived: () => void = () => undefined;

  readonly receive = (frame: Frame): void => {
    if (typeof frame !== 'string') this.#push(['bytes', Buffer.from(frame).toString('hex')], '');
    else {
      const carried = CARRIED.exec(frame);
      if (carried) this.#push(['ack', Number(carried[1]), Number(carried[2]), Number(carried[4])], '');
      const raw = carried ? `["msg",${frame.slice(carried[0].length)}` : frame;
      this.#push(JSON.parse(raw) as unknown[], raw);
    }
    this.#arrived();
  };

  readonly closed = (code: number): void => {
    this.code = code;
    this.#arrived();
  };

  /** The next frame that is not passed over. */
  async next(wanted: string, isWanted: (fields: readonly unknown[]) => boolean): Promise<Received> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame && isWanted(frame.fields)) return frame;
      if (frame && !isIncidental(frame.fields)) throw new Error(`expected ${wanted}, got ${frame.raw.slice(0, 500)}`);
      if (frame) continue;
      if (this.code !== undefined) throw new Error(`expected ${wanted}, but the connection was closed with ${this.code}`);
      await this.#arrival(wanted);
    }
  }

  async acked(done: number): Promise<void> {
    while (this.done !== done) {
      if (this.code !== undefined) throw new Error(`expected an ack of ${done}, but the connection was closed with ${this.code}`);
      await this.#arrival(`an ack of ${done}, the last was ${this.done}`);
    }
  }

  async end(): Promise<number> {
    while (this.code === undefined) await this.#arrival('the end of the connection');
    return this.code;
  }

  /** Fails if anything has come that may not come at any time. */
  checkQuiet(): void {
    const others = this.#frames.splice(0).filter(({ fields }) => !isIncidental(fields));
    if (others.length > 0) throw new Error(`expected nothing, got ${others[0]!.raw.slice(0, 500)}`);
    if (this.code !== undefined) throw new Error(`expected nothing, but the connection was closed with ${this.code}`);
  }

  #push(fields: readonly unknown[], raw: string): void {
    if (fields[0] === 'ack') this.done = fields[1] as number;
    this.#frames.push({ fields, raw });
  }

  async #arrival(wanted: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#arrived = resolve;
      timer = setTimeout(() => reject(new Error(`expected ${wanted}, nothing came`)), patience.ms);
    });
    clearTimeout(timer);
  }
}
