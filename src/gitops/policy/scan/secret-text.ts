/**
 * Text that looks like a secret. Nothing here, and nothing that uses it, ever repeats the text.
 */

/** Forms that issuers give their tokens, so that no other text has them. */
const TOKENS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/, "a private key"],
  [/AGE-SECRET-KEY-1[0-9A-Z]{58}/, "an age key"],
  [/(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])/, "an access key of AWS"],
  [/(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}/, "a token of GitHub"],
  [/(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{60}/, "a token of GitHub"],
  [/(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}/, "a token of GitLab"],
  [/(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{20}/, "a token of Slack"],
  [/(?<![A-Za-z0-9])sk_live_[A-Za-z0-9]{20}/, "a key of Stripe"],
  [/(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/, "a key of Google"],
  [/(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}/, "a token of npm"],
  [/(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/, "a key of SendGrid"],
];

/** Names under which people keep secrets, whole words of them. */
const NAME =
  /(?:^|[^a-z])(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?|auth)(?:$|[^a-z])/;
/** …and what only points to one, or describes it. */
const NOT_NAME =
  /(?:^|[^a-z])(?:name|file|path|url|uri|host|dir|ref|mount|ttl|expir\w*|length|size|type|mode|enabled|class|issuer|endpoint|public|realm|policy|store|key_?id|id|user\w*|method|scope|header|timeout|rotation|days|seconds|minutes|hours)(?:$|[^a-z])/;

/** Longest text that is looked at; patterns above go through it once each. */
const MAX_LENGTH = 100_000;
/** Shortest secret: below it people write placeholders. */
const MIN_LENGTH = 8;
/** Bits per character: words are below it, random base64 and hex above. */
const MIN_ENTROPY = 3.0;

/** What the text is by its form: `a token of GitHub`. */
export function tokenIn(text: string): string | undefined {
  const looked = text.slice(0, MAX_LENGTH);
  return TOKENS.find(([form]) => form.test(looked))?.[1];
}

/** Whether a key names a secret, and its text looks like one rather than like a placeholder. */
export function isNamedSecret(key: string, text: string): boolean {
  const name = key
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replaceAll(/[.\s-]/g, "_");
  if (!NAME.test(name) || NOT_NAME.test(name)) return false;
  const value = text.trim();
  if (value.length < MIN_LENGTH || value.length > MAX_LENGTH) return false;
  // Variables, templates, references, paths, addresses without a password, sentences, flags.
  if (/[\s$<>{}*]|^[./~]|^\w[\w+.-]*:\/\/[^@]*$/.test(value)) return false;
  if (/^(?:true|false|none|null|changeme|change-me|example|placeholder|redacted)/i.test(value))
    return false;
  return entropyOf(value) >= MIN_ENTROPY || /\d/.test(value);
}

/** A password in an address: `postgres://user:secret@host/`. */
export function hasPasswordInAddress(text: string): boolean {
  const match = /[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/]{1,256}:([^\s@/]{1,256})@/i.exec(
    text.slice(0, MAX_LENGTH),
  );
  const password = match?.[1];
  return password !== undefined && !/[$<>{}*]|%\(/.test(password);
}

/** Shannon's, in bits per character. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
