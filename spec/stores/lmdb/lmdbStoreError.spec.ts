import { StoreError } from '../../../lib/message/errors.js';
import { commitFailure, asLmdbStoreError } from '../../../lib/stores/lmdb/lmdbStoreError.js';
import { folder } from './folder.js';

const coded = (code: number) => Object.assign(new Error('from LMDB'), { code });

describe('storeError', () => {
  it.each([
    ['quota', 'MDB_MAP_FULL', -30_792],
    ['quota', 'ENOSPC', 28],
    ['quota', 'EFBIG', 27],
    ['failed', 'EIO, with room on the disk', 5],
    ['failed', 'MDB_BAD_TXN', -30_782],
  ])('says %s for %s', (fault, _, code) => {
    const cause = coded(code);
    expect(asLmdbStoreError(cause, folder())).toMatchObject({ code: 'ERR_STORE', store: 'lmdb', fault, cause });
  });

  it('says quota for EIO when the disk is full', () => {
    expect(asLmdbStoreError(coded(5), '/proc').fault).toBe('quota'); // a file system that never has room
  });

  it('reports failed for EIO when the free space is unknown', () => {
    expect(asLmdbStoreError(coded(5), '/nowhere').fault).toBe('failed');
  });

  it('returns a StoreError unchanged', () => {
    const fenced = new StoreError('lmdb', 'fenced');
    expect(asLmdbStoreError(fenced, '/')).toBe(fenced);
  });
});

describe('commitFailure', () => {
  it('waits for the hidden cause of an LMDB error', async () => {
    const cause = coded(28);
    expect(await commitFailure(Object.assign(new Error('Commit failed'), { commitError: Promise.reject(cause) }))).toBe(cause);
  });

  it('is the error itself where there is no more to it', async () => {
    const error = new Error('closed');
    expect(await commitFailure(error)).toBe(error);
  });
});
