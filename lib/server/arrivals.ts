import { Observable, type OperatorFunction } from 'rxjs';
import { Arrived, type ArrivedOptions } from './arrived.js';
import type { Attachment } from './attachment.js';
import type { ServedLink } from './serveOptions.js';

/** Emits each connection when its first frame has come. They end when this is unsubscribed. */
export function arrivals(options: ArrivedOptions): OperatorFunction<ServedLink, Attachment> {
  return (links$) =>
    // eslint-disable-next-line no-restricted-syntax -- a `mergeMap` would take half a kilobyte for each connection
    new Observable((to) => {
      const open = new Set<Arrived>();
      let isDone = false;
      const onEnded = (arrived: Arrived): void => {
        open.delete(arrived);
        if (isDone && open.size === 0) to.complete();
      };
      const onFirst = (attachment: Attachment): void => to.next(attachment);
      const next = (link: ServedLink): void => {
        const arrived = new Arrived(link, options, onFirst, onEnded);
        open.add(arrived);
        arrived.begin(link);
      };
      const complete = (): void => {
        isDone = true;
        if (open.size === 0) to.complete();
      };
      to.add(links$.subscribe({ next, error: (error: unknown) => to.error(error), complete }));
      to.add(() => [...open].forEach((arrived) => arrived.unsubscribe()));
    });
}
