import type { StorageLike } from '../../lib/stores/web/webStorageOutbox.js';

export interface FakeStorage extends StorageLike {
  readonly items: Map<string, string>;
  /** Characters it takes, of keys and values; as in Chromium, what does not grow is taken even by a storage that is too full. */
  quota: number;
  readonly used: number;
}

/** A Storage as browsers have it. */
export function fakeStorage(quota = 5_000_000): FakeStorage {
  const items = new Map<string, string>();
  const sizeOf = (key: string): number => (items.has(key) ? key.length + items.get(key)!.length : 0);

  return {
    items,
    quota,
    get used() {
      return [...items.keys()].reduce((sum, key) => sum + sizeOf(key), 0);
    },
    get length() {
      return items.size;
    },
    // In an order of its own, as in Chromium.
    key: (index) => [...items.keys()].sort()[index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem(key, value) {
      const growth = key.length + value.length - sizeOf(key);
      if (growth > 0 && this.used + growth > this.quota) throw new DOMException('It is full.', 'QuotaExceededError');
      items.set(key, value);
    },
    removeItem: (key) => void items.delete(key),
  };
}
