import { useCore } from './useCore.js';

// The conformance kit again, with the session core on both sides.
useCore();
await import('../conformance/client.spec.js');
