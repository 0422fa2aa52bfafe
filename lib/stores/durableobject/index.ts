export {
  durableObjectStore,
  type DurableObjectInbox,
  type DurableObjectStorage,
  type DurableObjectStore,
  type DurableObjectStoreOptions,
  type SqlStorage,
} from './durableObjectStore.js';
export type { ServerInbox, ServerStores, ServerStoresLimits } from '../log/serverStores.js';
