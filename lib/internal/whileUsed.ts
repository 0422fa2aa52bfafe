import { defer, finalize, type Observable } from 'rxjs';

/** Something that is needed while any of several streams has a subscriber. */
export interface Use {
  readonly isUsed: () => boolean;
  /** The stream, whose subscribers use it. */
  readonly by: <T>(source: Observable<T>) => Observable<T>;
}

/** @param begin Called before the first is subscribed. @param end Called after the last was left. Then it may begin again. */
export function whileUsed(begin: () => void, end: () => void): Use {
  let users = 0;
  const leave = (): void => {
    if (--users === 0) end();
  };
  return {
    isUsed: () => users > 0,
    by: (source) =>
      defer(() => {
        if (users++ === 0) begin();
        return source.pipe(finalize(leave));
      }),
  };
}
