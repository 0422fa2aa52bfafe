export { listen, type ListenOptions } from './listen.js';
export { serve, type ServeOptions } from './serve.js';
