/**
 * AES-256-GCM: test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", submitted to NIST.
 * All is in hexadecimal digits.
 */
const KEY = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const PLAIN =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255';
const SEALED =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad';

export const gcmVectors = [
  {
    name: 'test case 13',
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    label: '',
    content: '',
    sealed: '',
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    name: 'test case 14',
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    label: '',
    content: '00'.repeat(16),
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18',
    tag: 'd0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    name: 'test case 15',
    key: KEY,
    nonce: 'cafebabefacedbaddecaf888',
    label: '',
    content: PLAIN,
    sealed: SEALED,
    tag: 'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    name: 'test case 16',
    key: KEY,
    nonce: 'cafebabefacedbaddecaf888',
    label: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    content: PLAIN.slice(0, 120),
    sealed: SEALED.slice(0, 120),
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
] as const;

/** HKDF with SHA-256: test case 3 of RFC 5869, the one without a salt; of its 42 bytes the first 32. */
export const hkdfVectors = [
  {
    name: 'test case 3',
    secret: '0b'.repeat(22),
    info: '',
    key: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
  },
] as const;

/** PBKDF2 with HMAC-SHA-256: the test vectors of RFC 7914, section 11; of their 64 bytes the first 32. */
export const pbkdf2Vectors = [
  {
    name: 'RFC 7914, once',
    passphrase: 'passwd',
    salt: 'salt',
    iterations: 1,
    key: '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc',
  },
  {
    name: 'RFC 7914, 80,000 times',
    passphrase: 'Password',
    salt: 'NaCl',
    iterations: 80_000,
    key: '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56',
  },
] as const;
