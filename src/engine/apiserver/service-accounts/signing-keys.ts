/**
 * The keys of service account tokens, in a directory of their own with mode 0700. `sa.key` signs.
 * Any other `sa-*.key` or `sa-*.pub` beside it only verifies, so a key is rotated by renaming
 * `sa.key` to, say, `sa-2025.key` and starting again: a new one is made, and tokens of the old one
 * stay valid until the old file is removed.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../pki/certificates.ts";
import type { SignatureKey } from "./json-web-token.ts";

export interface SigningKeys {
  readonly active: SignatureKey & { readonly privateKey: KeyObject };
  /** The active one included, by id. */
  readonly trusted: ReadonlyMap<string, SignatureKey>;
}

const SIGNER = "sa.key";
const RETIRED = /^sa-.+\.(?:key|pub)$/;

/** Makes the signing key on the first start. @throws Error that names a file that holds no usable key */
export async function openSigningKeys(directory: string): Promise<SigningKeys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = await readdir(directory);
  const path = join(directory, SIGNER);
  if (!names.includes(SIGNER)) await writeFileAtomically(path, newKey());
  const privateKey = await read(path, createPrivateKey);
  const active = { ...signatureKey(createPublicKey(privateKey), path), privateKey };
  const trusted = new Map([[active.id, active as SignatureKey]]);
  for (const name of names.filter((each) => RETIRED.test(each))) {
    const file = join(directory, name);
    // Of a private key, Node takes the public half.
    const key = signatureKey(await read(file, createPublicKey), file);
    trusted.set(key.id, key);
  }
  return { active, trusted };
}

/** The key set (RFC 7517) that others verify tokens with. Public keys only. */
export function keySet({ trusted }: SigningKeys): { readonly keys: readonly object[] } {
  return {
    keys: [...trusted.values()].map(({ id, algorithm, publicKey }) => ({
      use: "sig",
      alg: algorithm,
      kid: id,
      ...publicKey.export({ format: "jwk" }),
    })),
  };
}

const newKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

async function read(path: string, parse: (pem: string) => KeyObject): Promise<KeyObject> {
  const pem = await readFile(path, "utf8");
  try {
    return parse(pem);
  } catch (cause) {
    throw new Error(
      `${path} holds no key for service account tokens: put a PEM of an RSA or P-256 key there, or move the file away`,
      { cause },
    );
  }
}

function signatureKey(publicKey: KeyObject, path: string): SignatureKey {
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  const isP256 = asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!isP256 && asymmetricKeyType !== "rsa")
    throw new Error(`${path} holds a key that is neither RSA nor P-256: use one of these`);
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    // As upstream: who has the key can tell its id.
    id: createHash("sha256").update(der).digest("base64url"),
    algorithm: isP256 ? "ES256" : "RS256",
    publicKey,
  };
}
