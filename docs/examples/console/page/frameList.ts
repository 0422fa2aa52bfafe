import { byId, setText } from './dom.js';
import { followEnd } from './followEnd.js';
import { isShown, type FrameFilter } from './frameFilter.js';
import type { FrameLog, LogRow } from './frameLog.js';
import { makeRow } from './frameRow.js';

export interface FrameList {
  /** Shows what has come since the last time, and removes what the log has let go. The view follows the end unless the reader has scrolled up. */
  readonly update: (filter: FrameFilter) => void;
  /** Shows all again, by another filter. */
  readonly redraw: (filter: FrameFilter) => void;
  /** From now on, the rows stay as they are. */
  readonly freeze: () => void;
  readonly release: () => void;
}

/** The rows of the inspector. */
export function createFrameList(log: FrameLog): FrameList {
  const [list, empty] = [byId('frames'), byId('frames-empty')];
  const follow = followEnd(byId('frames-view'));
  let shown: { readonly number: number; readonly node: HTMLElement; readonly isFrame: boolean }[] = [];
  let last = 0;
  let frozen: { readonly rows: readonly LogRow[]; readonly dropped: number } | undefined;

  const append = (rows: readonly LogRow[], filter: FrameFilter): void => {
    const added = rows
      .filter((row) => row.number > last && isShown(row, filter))
      .map((row) => ({ number: row.number, node: makeRow(row), isFrame: row.frame !== undefined }));
    last = rows.at(-1)?.number ?? last;
    list.append(...added.map(({ node }) => node));
    shown.push(...added);
  };
  const trim = (rows: readonly LogRow[]): void => {
    const oldest = rows[0]?.number ?? Infinity;
    const kept = shown.findIndex(({ number }) => number >= oldest);
    for (const { node } of shown.splice(0, kept === -1 ? shown.length : kept)) node.remove();
  };
  const tell = ({ rows, dropped }: Pick<FrameLog, 'rows' | 'dropped'>): void => {
    const waiting = frozen ? log.rows.filter(({ number }) => number > last).length : 0;
    const parts = [
      shown.length === rows.length
        ? `${rows.length.toLocaleString('en')} rows`
        : `${shown.length} of ${rows.length.toLocaleString('en')} rows`,
      dropped > 0 ? `${dropped.toLocaleString('en')} older ones dropped` : '',
      waiting > 0 ? `${waiting.toLocaleString('en')} more since the pause` : '',
    ];
    setText(byId('frames-count'), parts.filter(Boolean).join(' · '));
    empty.hidden = shown.some(({ isFrame }) => isFrame);
    setText(empty, rows.length === 0 ? 'No frames yet.' : 'No frame matches the filter.');
  };

  const update: FrameList['update'] = (filter) => {
    const source = frozen ?? log;
    // First the old ones: what was let go at once is never drawn.
    trim(source.rows);
    append(source.rows, filter);
    tell(source);
    follow();
  };
  return {
    update,
    redraw(filter) {
      list.replaceChildren();
      [shown, last] = [[], 0];
      update(filter);
    },
    freeze: () => (frozen = { rows: [...log.rows], dropped: log.dropped }),
    release: () => (frozen = undefined),
  };
}
