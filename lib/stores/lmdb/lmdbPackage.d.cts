import type * as lmdb from 'lmdb' with { 'resolution-mode': 'import' };

/** Loads the package `lmdb`, which is an optional peer. @throws {Error} If it is not installed. */
export declare function loadLmdb(): typeof lmdb;
