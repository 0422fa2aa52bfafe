import { encryptPayload, isMarkedEncrypted, type EncryptWhen, type Keyring, type Message } from '../../lib/index.js';

declare const keys: Keyring;

encryptPayload(keys);
encryptPayload(keys, { when: '**.sensitive' });
encryptPayload(keys, { when: ['card.*', /sensitive/] });
encryptPayload(keys, { when: isMarkedEncrypted });
encryptPayload(keys, { when: ({ type }: Message) => type.startsWith('card.') });
const policy: EncryptWhen = isMarkedEncrypted;
encryptPayload(keys, { when: policy });

// @ts-expect-error a policy answers at once
encryptPayload(keys, { when: () => Promise.resolve(true) });
// @ts-expect-error a policy is no list of functions
encryptPayload(keys, { when: [isMarkedEncrypted] });
