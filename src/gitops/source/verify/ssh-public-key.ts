/** SSH public keys and how each kind signs: as OpenSSH, with SHA-1 and short RSA keys refused. */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { SshReader } from "./ssh-wire.ts";

/** What OpenSSH demands of RSA keys it makes; shorter ones can be broken. */
const MIN_RSA_BITS = 2048;
/** Of a security key: somebody touched it. */
const USER_PRESENT = 1;

const CURVES: Readonly<Record<string, { crv: string; bytes: number; hash: string }>> = {
  nistp256: { crv: "P-256", bytes: 32, hash: "sha256" },
  nistp384: { crv: "P-384", bytes: 48, hash: "sha384" },
  nistp521: { crv: "P-521", bytes: 66, hash: "sha512" },
};

/**
 * Whether a signature in SSH's encoding is that of a key over some data.
 * @throws RangeError or TypeError for what is malformed or not supported
 */
export function verifySsh(publicKey: Buffer, signature: Buffer, data: Buffer): boolean {
  const key = new SshReader(publicKey);
  const type = key.text();
  const signed = new SshReader(signature);
  const algorithm = signed.text();
  const proof = signed.string();
  switch (type) {
    case "ssh-ed25519":
      return algorithm === type && verify(null, data, ed25519(key.string()), proof);
    case "ssh-rsa":
      return verifyRsa(key, algorithm, proof, data);
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521":
      return algorithm === type && verifyEcdsa(key, proof, data);
    case "sk-ssh-ed25519@openssh.com": {
      const point = key.string();
      const touched = securityKeyData(key.string(), signed, data);
      return (
        algorithm === type && touched !== undefined && verify(null, touched, ed25519(point), proof)
      );
    }
    case "sk-ecdsa-sha2-nistp256@openssh.com": {
      const [curve, point] = [key.text(), key.string()];
      const touched = securityKeyData(key.string(), signed, data);
      if (algorithm !== type || touched === undefined || curve !== "nistp256") return false;
      return verifyPoint("nistp256", point, proof, touched);
    }
    default:
      throw new TypeError(
        `keys of the type ${JSON.stringify(type.slice(0, 60))} are not supported`,
      );
  }
}

function ed25519(point: Buffer): KeyObject {
  return createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: point.toString("base64url") },
    format: "jwk",
  });
}

function verifyRsa(key: SshReader, algorithm: string, proof: Buffer, data: Buffer): boolean {
  const hash = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" }[algorithm];
  if (hash === undefined) throw new TypeError(`RSA signatures by ${algorithm} are not accepted`);
  const [e, n] = [unsigned(key.string()), unsigned(key.string())];
  if (n.length * 8 < MIN_RSA_BITS)
    throw new TypeError(`RSA keys of less than ${MIN_RSA_BITS} bits are not accepted`);
  const jwk = { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") };
  return verify(hash, data, createPublicKey({ key: jwk, format: "jwk" }), proof);
}

function verifyEcdsa(key: SshReader, proof: Buffer, data: Buffer): boolean {
  return verifyPoint(key.text(), key.string(), proof, data);
}

function verifyPoint(curveName: string, point: Buffer, proof: Buffer, data: Buffer): boolean {
  const curve = CURVES[curveName];
  if (curve === undefined || point.length !== 1 + 2 * curve.bytes || point[0] !== 4)
    throw new TypeError("the key's point is malformed");
  const x = point.subarray(1, 1 + curve.bytes).toString("base64url");
  const y = point.subarray(1 + curve.bytes).toString("base64url");
  const numbers = new SshReader(proof);
  const dsa = Buffer.concat([
    padded(numbers.string(), curve.bytes),
    padded(numbers.string(), curve.bytes),
  ]);
  const jwk = { kty: "EC", crv: curve.crv, x, y };
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return verify(curve.hash, data, { key, dsaEncoding: "ieee-p1363" }, dsa);
}

/** What a security key signs instead: its application, what happened, and the hash of the data. */
function securityKeyData(
  application: Buffer,
  signature: SshReader,
  data: Buffer,
): Buffer | undefined {
  const state = signature.take(5);
  if (((state[0] ?? 0) & USER_PRESENT) === 0) return undefined;
  return Buffer.concat([sha256(application), state, sha256(data)]);
}

function sha256(data: Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** SSH puts a zero before numbers whose first bit is set. */
function unsigned(number: Buffer): Buffer {
  let start = 0;
  while (number[start] === 0) start++;
  return number.subarray(start);
}

function padded(number: Buffer, length: number): Buffer {
  const bytes = unsigned(number);
  if (bytes.length > length) throw new RangeError("a number of the signature is too long");
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes]);
}
