/**
 * Whose SSH signatures count: public keys one a line, as in `*.pub`, or lines of git's allowed
 * signers: `ada@example.com,bob@example.com namespaces="git",valid-before="20300101" ssh-ed25519 …`.
 */
import { keyTypeOf } from "../ssh/known-hosts.ts";

export interface AllowedSigner {
  /** Who it is, as written; the key's comment where only a key is given. */
  readonly name: string;
  readonly publicKey: Buffer;
  readonly isAuthority: boolean;
  /** Undefined: for all uses. */
  readonly namespaces: readonly string[] | undefined;
  readonly validAfterMs: number | undefined;
  readonly validBeforeMs: number | undefined;
}

/** A team's keys, not a directory's. */
const MAX_LINES = 10_000;
const OPTION = /^(cert-authority|namespaces|valid-after|valid-before)(?:="([^"]*)")?$/i;

/** Lines that cannot be read are left out, and told by their number. */
export function parseAllowedSigners(text: string): {
  readonly signers: readonly AllowedSigner[];
  readonly badLines: readonly number[];
} {
  const signers: AllowedSigner[] = [];
  const badLines: number[] = [];
  for (const [index, line] of text.split(/\r?\n/, MAX_LINES).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const signer = parseLine(line);
    if (signer === undefined) badLines.push(index + 1);
    else signers.push(signer);
  }
  return { signers, badLines };
}

function parseLine(line: string): AllowedSigner | undefined {
  const words = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  // A key alone, or principals with options before it.
  const at = [0, 1, 2].find((index) => keyAt(words, index) !== undefined);
  const publicKey = at === undefined ? undefined : keyAt(words, at);
  if (at === undefined || publicKey === undefined) return undefined;
  const options = at === 2 ? optionsOf(words[1] ?? "") : new Map<string, string>();
  if (options === undefined) return undefined;
  const validAfterMs = timeOf(options.get("valid-after"));
  const validBeforeMs = timeOf(options.get("valid-before"));
  if (Number.isNaN(validAfterMs) || Number.isNaN(validBeforeMs)) return undefined;
  return {
    name: at === 0 ? words.slice(2).join(" ") : (words[0] ?? ""),
    publicKey,
    isAuthority: options.has("cert-authority"),
    namespaces: options.get("namespaces")?.split(","),
    validAfterMs,
    validBeforeMs,
  };
}

function keyAt(words: readonly string[], index: number): Buffer | undefined {
  const bytes = Buffer.from(words[index + 1] ?? "", "base64");
  return keyTypeOf(bytes) !== "" && keyTypeOf(bytes) === words[index] ? bytes : undefined;
}

/** @returns undefined for an option that is not known: it may restrict the key */
function optionsOf(text: string): Map<string, string> | undefined {
  const options = new Map<string, string>();
  for (const option of text.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const match = OPTION.exec(option);
    if (match?.[1] === undefined) return undefined;
    options.set(match[1].toLowerCase(), match[2] ?? "");
  }
  return options;
}

/** `YYYYMMDD[HHMM[SS]][Z]`; without a Z it is ssh-keygen's local time, here always UTC. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour = "00", minute = "00", second = "00"] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
