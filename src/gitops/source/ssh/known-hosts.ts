/** Which key an SSH server must have, from lines as in OpenSSH's `known_hosts`. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Thousands of servers; more is a mistake. */
const MAX_LINES = 20_000;

export type HostKeyVerdict = "known" | "unknown" | "changed" | "revoked";

interface KnownHost {
  readonly patterns: string;
  readonly keyType: string;
  readonly key: string;
  readonly isRevoked: boolean;
}

export class KnownHosts {
  readonly #lines: readonly KnownHost[];

  /** Lines that cannot be read are skipped, as by OpenSSH; so are certificate authorities. */
  constructor(text: string) {
    this.#lines = text
      .split(/\r?\n/, MAX_LINES)
      .map(parseLine)
      .filter((line) => line !== undefined);
  }

  check(host: string, port: number, key: Buffer): HostKeyVerdict {
    const lines = this.#of(host, port);
    const same = (line: KnownHost): boolean => line.key === key.toString("base64");
    if (lines.some((line) => line.isRevoked && same(line))) return "revoked";
    const valid = lines.filter((line) => !line.isRevoked);
    if (valid.some(same)) return "known";
    return valid.length > 0 ? "changed" : "unknown";
  }

  /** The types of the keys that are known, so that the server is asked for one of these. */
  keyTypes(host: string, port: number): string[] {
    const valid = this.#of(host, port).filter((line) => !line.isRevoked);
    return [...new Set(valid.map((line) => line.keyType))];
  }

  has(host: string, port: number): boolean {
    return this.#of(host, port).length > 0;
  }

  #of(host: string, port: number): KnownHost[] {
    const name = knownHostName(host, port);
    return this.#lines.filter((line) => matchesPatterns(line.patterns, name));
  }
}

/** How a server is written in `known_hosts`: `host`, or `[host]:port` for another port than 22. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The type that a key's own bytes begin with: `ssh-ed25519`. */
export function keyTypeOf(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return length <= 64 ? key.toString("latin1", 4, 4 + length) : "";
}

function parseLine(line: string): KnownHost | undefined {
  const words = line.trim().split(/\s+/);
  const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined;
  const [patterns = "", keyType = "", key = ""] = words;
  const isPlain = marker === undefined || marker === "@revoked";
  if (!isPlain || patterns === "" || patterns.startsWith("#")) return undefined;
  const bytes = Buffer.from(key, "base64");
  // A name alone says nothing of its key, not even that it has changed.
  if (keyType === "" || keyTypeOf(bytes) !== keyType) return undefined;
  return { patterns, keyType, key: bytes.toString("base64"), isRevoked: marker !== undefined };
}

function matchesPatterns(patterns: string, name: string): boolean {
  if (patterns.startsWith("|")) return matchesHash(patterns, name);
  let matches = false;
  for (const pattern of patterns.toLowerCase().split(",")) {
    const isNegated = pattern.startsWith("!");
    if (!matchesGlob(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    matches = true;
  }
  return matches;
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, so that a stolen file does not tell the servers. */
function matchesHash(pattern: string, name: string): boolean {
  const [, version, salt = "", hash = ""] = pattern.split("|");
  const wanted = Buffer.from(hash, "base64");
  const found = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return version === "1" && wanted.length === found.length && timingSafeEqual(wanted, found);
}

/** `*` and `?`, in time linear in both: patterns are not ours. */
function matchesGlob(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let retry = 0;
  while (n < name.length) {
    if (pattern[p] === "*") {
      star = p++;
      retry = n;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++retry;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
