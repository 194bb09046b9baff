/** Takes a commit or a tag apart: what was signed, and by which kind of signature. */

export type SignatureFormat = "openpgp" | "ssh" | "x509";

export interface SignedObject {
  readonly payload: Buffer;
  /** Armoured; undefined when the object is not signed. */
  readonly signature: string | undefined;
  readonly format: SignatureFormat | undefined;
  /** By the committer's or tagger's own clock, milliseconds since the epoch. */
  readonly madeMs: number;
  readonly headers: ReadonlyMap<string, string>;
}

const FORMATS: readonly (readonly [string, SignatureFormat])[] = [
  ["-----BEGIN PGP SIGNATURE-----", "openpgp"],
  ["-----BEGIN PGP MESSAGE-----", "openpgp"],
  ["-----BEGIN SSH SIGNATURE-----", "ssh"],
  ["-----BEGIN SIGNED MESSAGE-----", "x509"],
];

const SIGNATURE_HEADERS: ReadonlySet<string> = new Set(["gpgsig", "gpgsig-sha256"]);

/** A commit is signed without its own `gpgsig` header, whose further lines begin with a space. */
export function signedCommit(bytes: Uint8Array): SignedObject {
  const text = Buffer.from(bytes).toString("latin1");
  const end = headerEnd(text);
  const kept: string[] = [];
  const signatures: string[] = [];
  let inSignature = false;
  for (const line of text.slice(0, end).split("\n")) {
    if (!line.startsWith(" ")) inSignature = SIGNATURE_HEADERS.has(line.split(" ", 1)[0] ?? "");
    if (!inSignature) kept.push(line);
    else if (line.startsWith("gpgsig ")) signatures.push(line.slice("gpgsig ".length));
    else if (line.startsWith(" ") && signatures.length > 0) signatures.push(line.slice(1));
  }
  const payload = Buffer.from(kept.join("\n") + text.slice(end), "latin1");
  return described(payload, signatures.length > 0 ? signatures.join("\n") : undefined);
}

/** A tag is signed up to its signature, which ends it. */
export function signedTag(bytes: Uint8Array): SignedObject {
  const text = Buffer.from(bytes).toString("latin1");
  const starts = FORMATS.map(([begin]) =>
    text.startsWith(begin) ? 0 : text.lastIndexOf(`\n${begin}`) + 1,
  );
  const start = Math.max(...starts);
  if (start <= 0) return described(Buffer.from(text, "latin1"), undefined);
  return described(Buffer.from(text.slice(0, start), "latin1"), text.slice(start));
}

function described(payload: Buffer, signature: string | undefined): SignedObject {
  const text = payload.toString("utf8");
  const headers = new Map<string, string>();
  for (const line of text.slice(0, headerEnd(text)).split("\n")) {
    const space = line.indexOf(" ");
    const name = line.slice(0, space);
    if (space > 0 && !headers.has(name)) headers.set(name, line.slice(space + 1));
  }
  const maker = headers.get("tagger") ?? headers.get("committer") ?? "";
  const seconds = / (\d{1,13}) [+-]\d{4}$/.exec(maker)?.[1];
  const format = FORMATS.find(([begin]) => signature?.startsWith(begin))?.[1];
  return { payload, signature, format, madeMs: Number(seconds ?? 0) * 1000, headers };
}

function headerEnd(text: string): number {
  const end = text.indexOf("\n\n");
  return end < 0 ? text.length : end;
}
