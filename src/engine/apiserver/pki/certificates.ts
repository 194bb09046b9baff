/**
 * The cluster's own certificate authority and the certificate of the API server, made on first
 * start and kept in the data directory. Keys are ECDSA P-256, files mode 0600.
 */
import { webcrypto, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";

const DAY_MS = 86_400_000;
const CA_LIFETIME_MS = 3_650 * DAY_MS;
const SERVER_LIFETIME_MS = 365 * DAY_MS;
/** Renewed at a start when less than this is left: servers are restarted more often than that. */
const RENEW_BEFORE_MS = 60 * DAY_MS;
/** Clocks of clients may be behind. */
const BACKDATE_MS = 300_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}
export interface ServerCertificates {
  /** What clients verify the server with: goes into the kubeconfig. */
  readonly ca: string;
  readonly server: KeyPair;
}

export interface CertificateOptions {
  readonly directory: string;
  /** DNS names and IP addresses under which clients reach the API server. */
  readonly names: readonly string[];
  readonly nowMs: number;
}

/** Reads the certificates, and makes what is missing, expiring or does not cover all names. */
export async function ensureCertificates(options: CertificateOptions): Promise<ServerCertificates> {
  const { directory, names, nowMs } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let ca = await readPair(directory, "ca");
  if (ca === undefined || !isUsable(ca, [], nowMs)) {
    ca = await issueAuthority(nowMs);
    await writePair(directory, "ca", ca);
  }
  let server = await readPair(directory, "apiserver");
  if (server === undefined || !isUsable(server, names, nowMs) || !isIssuedBy(server, ca)) {
    server = await issueServer(ca, names, nowMs);
    await writePair(directory, "apiserver", server);
  }
  return { ca: ca.certificate, server };
}

function isUsable(pair: KeyPair, names: readonly string[], nowMs: number): boolean {
  const certificate = new X509Certificate(pair.certificate);
  if (Date.parse(certificate.validTo) - nowMs < RENEW_BEFORE_MS) return false;
  return names.every((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name) !== undefined
      : certificate.checkIP(name) !== undefined,
  );
}

function isIssuedBy(pair: KeyPair, ca: KeyPair): boolean {
  const authority = new X509Certificate(ca.certificate);
  return new X509Certificate(pair.certificate).verify(authority.publicKey);
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  try {
    const [certificate, key] = await Promise.all([
      readFile(join(directory, `${name}.crt`), "utf8"),
      readFile(join(directory, `${name}.key`), "utf8"),
    ]);
    return { certificate, key };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeFileAtomically(join(directory, `${name}.key`), pair.key);
  await writeFileAtomically(join(directory, `${name}.crt`), pair.certificate);
}

/** Readers see the old content or the new, never a part. Mode 0600. */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}

/** The library takes its time to load, and is needed about once a year. */
async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

async function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}
type CryptoKeyPair = webcrypto.CryptoKeyPair;

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

async function issueAuthority(nowMs: number): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=gantry-ca",
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + CA_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** A certificate that vouches for itself, for a server that has no better one. */
export async function issueSelfSigned(
  commonName: string,
  names: readonly string[],
  nowMs: number,
): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + SERVER_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name })),
      ),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

async function issueServer(ca: KeyPair, names: readonly string[], nowMs: number): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const authority = new x509.X509Certificate(ca.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=gantry-apiserver",
    issuer: authority.subject,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + SERVER_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey as never,
    signingKey: (await importKey(ca.key)) as never,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}
