import { ServerSession } from '../../lib/server/session/serverSession.js';

/** Calls back with each batch that a session sends while it hibernates, for as long as `run` runs. Only such a session sends anything within `flush`. */
export function watchHibernation(onSent: () => void, run: () => void): void {
  const { flush, send } = ServerSession.prototype;
  let isFlushing = false;
  ServerSession.prototype.flush = function (this: ServerSession, burst) {
    isFlushing = true;
    try {
      flush.call(this, burst);
    } finally {
      isFlushing = false;
    }
  };
  ServerSession.prototype.send = function (this: ServerSession, frame) {
    if (isFlushing) onSent();
    send.call(this, frame);
  };
  try {
    run();
  } finally {
    Object.assign(ServerSession.prototype, { flush, send });
  }
}
