'use strict';

/**
 * Loads the package `lmdb`. This file is CommonJS, because only `require` loads a package synchronously when it is first used: whoever imports `rxwire/node`
 * for its streams does not need the package.
 */
exports.loadLmdb = function loadLmdb() {
  try {
    return require('lmdb');
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND' || !process.argv[1]) throw error;
    // A bundle that is an ES module has no `require`.
    return process.getBuiltinModule('node:module').createRequire(process.argv[1])('lmdb');
  }
};
