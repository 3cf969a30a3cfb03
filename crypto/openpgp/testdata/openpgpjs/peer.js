// OpenPGP.js as a peer of the tests. It takes a JSON object a line on standard
// input, {"do": …}, and prints an answer a line, {"error": …} where it couldn't.
// The argument is the folder in whose node_modules the library is. Bytes travel
// as base64, keys and signatures armored.
const { randomBytes } = require('node:crypto');
const { createRequire } = require('node:module');
const { createInterface } = require('node:readline');
const openpgp = createRequire(process.argv[2] + '/')('openpgp');

const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const base64 = (data) => Buffer.from(data).toString('base64');
const certificates = (list) => Promise.all((list || []).map((armoredKey) => openpgp.readKey({ armoredKey })));
const secrets = (list) => Promise.all((list || []).map((armoredKey) => openpgp.readPrivateKey({ armoredKey })));

// verdicts says of each signature whether it holds, and why not.
const verdicts = (signatures) => Promise.all(signatures.map(async ({ verified, signature }) => {
  const { packets: [packet] } = await signature;
  return verified.then(() => ({ good: true, version: packet.version }), (e) => ({ good: false, version: packet.version, why: e.message }));
}));

const config = ({ v6, seipdv2, locksWithAEAD }) => ({
  v6Keys: !!v6,
  aeadProtect: !!seipdv2 || !!locksWithAEAD,
  s2kType: locksWithAEAD ? openpgp.enums.s2k.argon2 : openpgp.enums.s2k.iterated,
});

const actions = {
  async generate({ name, type, curve, days, passphrase, ...options }) {
    const { privateKey, publicKey, revocationCertificate } = await openpgp.generateKey({
      userIDs: name ? [{ name, email: name + '@js.example' }] : [],
      type, curve, rsaBits: 2048, passphrase, keyExpirationTime: (days || 0) * 86400, config: config(options),
    });
    const key = await openpgp.readKey({ armoredKey: publicKey });
    return { secret: privateKey, certificate: publicKey, revocation: revocationCertificate, fingerprint: key.getFingerprint().toUpperCase() };
  },

  async revoke({ certificate, revocation }) {
    const [key] = await certificates([certificate]);
    const { publicKey } = await openpgp.revokeKey({ key, revocationCertificate: revocation });
    return { certificate: publicKey };
  },

  async unlock({ secret, passphrase }) {
    const [privateKey] = await secrets([secret]);
    return { secret: (await openpgp.decryptKey({ privateKey, passphrase })).armor() };
  },

  // seal encrypts as the recipients' preferences say, unless a format is forced:
  // "mdc", or the name of an AEAD mode.
  async seal({ plaintext, text, signers, recipients, force, chunk, compress }) {
    const message = text ? await openpgp.createMessage({ text: Buffer.from(plaintext, 'base64').toString() }) : await openpgp.createMessage({ binary: bytes(plaintext) });
    const sessionKey = force && { data: new Uint8Array(randomBytes(32)), algorithm: 'aes256', aeadAlgorithm: force === 'mdc' ? undefined : force };
    const sealed = await openpgp.encrypt({
      message, sessionKey, signingKeys: await secrets(signers), encryptionKeys: await certificates(recipients),
      config: { aeadChunkSizeByte: chunk ?? 12, preferredCompressionAlgorithm: compress ? openpgp.enums.compression.zlib : openpgp.enums.compression.uncompressed },
    });
    return { message: base64(sealed) };
  },

  async open({ message, armored, secret, signers }) {
    const opened = await openpgp.decrypt({
      message: armored ? await openpgp.readMessage({ armoredMessage: Buffer.from(message, 'base64').toString() }) : await openpgp.readMessage({ binaryMessage: bytes(message) }),
      decryptionKeys: await secrets([secret]), verificationKeys: await certificates(signers), format: 'binary',
    });
    return { plaintext: base64(opened.data), signatures: await verdicts(opened.signatures) };
  },

  async sign({ plaintext, signers, how }) {
    const signingKeys = await secrets(signers);
    if (how === 'cleartext') {
      const message = await openpgp.createCleartextMessage({ text: Buffer.from(plaintext, 'base64').toString() });
      return { message: base64(await openpgp.sign({ message, signingKeys })) };
    }
    const message = await openpgp.createMessage({ binary: bytes(plaintext) });
    return { message: base64(await openpgp.sign({ message, signingKeys, detached: how === 'detached' })) };
  },

  async verify({ plaintext, signature, signers }) {
    const message = await openpgp.createMessage({ binary: bytes(plaintext) });
    const { signatures } = await openpgp.verify({
      message, signature: await openpgp.readSignature({ armoredSignature: signature }), verificationKeys: await certificates(signers), format: 'binary',
    });
    return { signatures: await verdicts(signatures) };
  },
};

async function answer(line) {
  const request = JSON.parse(line);
  try {
    return await actions[request.do](request);
  } catch (e) {
    return { error: e.message };
  }
}

(async () => {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
})();
