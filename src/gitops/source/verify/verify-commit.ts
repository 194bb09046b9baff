/** Whether a revision is signed by somebody whose word counts; otherwise it is refused. */
import type { Commit, SignableObject } from "../source.ts";
import { SourceError } from "../source-error.ts";
import { fingerprint } from "../ssh/known-hosts.ts";
import type { AllowedSigner } from "./allowed-signers.ts";
import { type LoadOpenPgp, verifyOpenPgp } from "./openpgp-signature.ts";
import { type SignedObject, signedCommit, signedTag } from "./signed-object.ts";
import type { SigningKeys } from "./signing-keys.ts";
import { GIT_NAMESPACE, parseSshSignature, verifySshSignature } from "./ssh-signature.ts";

/** `HEAD`: the commit; `Tag`: the annotated tag that is deployed; `TagAndHEAD`: both. */
export type VerificationMode = "HEAD" | "Tag" | "TagAndHEAD";

export interface VerificationOptions {
  readonly mode: VerificationMode;
  readonly keys: SigningKeys;
  /** Shown in errors. */
  readonly where: string;
  readonly nowMs: number;
  /** @default the package `openpgp` */
  readonly loadOpenPgp?: LoadOpenPgp;
}

/** Clocks of those who commit may be ahead; more than this is a date made up to outlive a key. */
const MAX_FUTURE_MS = 86_400_000;

/**
 * @returns who signed, the tag first
 * @throws SourceError `signature` with the reason
 */
export async function verifyCommit(
  commit: Commit,
  options: VerificationOptions,
): Promise<readonly string[]> {
  const objects = (await commit.signable?.()) ?? [];
  const signers: string[] = [];
  if (options.mode !== "HEAD") signers.push(await verifyTag(commit, objects[0], options));
  if (options.mode !== "Tag") signers.push(await verifyHead(commit, objects.at(-1), options));
  return signers;
}

function verifyHead(
  commit: Commit,
  object: SignableObject | undefined,
  options: VerificationOptions,
): Promise<string> {
  if (object?.type !== "commit")
    throw refused(
      options,
      "a folder, an artifact or a chart",
      "has no commits that could be signed",
    );
  return verify(signedCommit(object.bytes), `commit ${commit.id}`, options);
}

function verifyTag(
  commit: Commit,
  object: SignableObject | undefined,
  options: VerificationOptions,
): Promise<string> {
  const name = commit.ref?.replace(/^refs\/tags\//, "");
  if (name === undefined || object?.type !== "tag")
    throw refused(options, `the revision ${commit.ref ?? commit.id}`, "is no annotated tag");
  const signed = signedTag(object.bytes);
  // Otherwise whoever may push refs could pass an old signed tag off as a new one.
  if (signed.headers.get("tag") !== name)
    throw refused(
      options,
      `tag ${name}`,
      `was signed under another name: ${JSON.stringify(signed.headers.get("tag") ?? "")}`,
    );
  return verify(signed, `tag ${name}`, options);
}

async function verify(
  signed: SignedObject,
  what: string,
  options: VerificationOptions,
): Promise<string> {
  const { payload, signature, format } = signed;
  if (signature === undefined) throw refused(options, what, "is not signed");
  if (format === "openpgp") {
    const { keys, nowMs, where, loadOpenPgp: load = () => import("openpgp") } = options;
    const answer = await verifyOpenPgp({ payload, signature }, keys.openPgp, {
      nowMs,
      where,
      load,
    });
    if (answer.problem !== undefined || answer.signer === undefined)
      throw refused(options, what, `is not accepted: ${answer.problem ?? "nobody signed it"}`);
    return answer.signer;
  }
  if (format !== "ssh")
    throw refused(options, what, "is signed in a way that is not supported (X.509)");
  const answer = verifySsh(signed, signature, options);
  if ("problem" in answer) throw refused(options, what, `is not accepted: ${answer.problem}`);
  return answer.signer;
}

function verifySsh(
  { payload, madeMs }: SignedObject,
  armoured: string,
  { keys, nowMs }: VerificationOptions,
): { readonly signer: string } | { readonly problem: string } {
  const parsed = parseSshSignature(armoured);
  if (parsed === undefined) return { problem: "the SSH signature is malformed" };
  const shown = fingerprint(parsed.publicKey);
  if (parsed.namespace !== GIT_NAMESPACE)
    return {
      problem: `the SSH signature was made for ${JSON.stringify(parsed.namespace)}, not for git`,
    };
  const isSame = ({ publicKey }: AllowedSigner): boolean => publicKey.equals(parsed.publicKey);
  if (keys.revoked.some(isSame)) return { problem: `the SSH key ${shown} is revoked` };
  const allowed = keys.ssh.filter(isSame);
  const isForGit = ({ namespaces }: AllowedSigner): boolean =>
    namespaces?.some((namespace) => namespace === GIT_NAMESPACE || namespace === "*") ?? true;
  const signer = allowed.find((one) => !one.isAuthority && isForGit(one));
  if (signer === undefined)
    return { problem: notAllowed(shown, parsed.publicKey, allowed, isForGit) };
  const untimely = untimelyProblem(signer, madeMs, nowMs);
  if (untimely !== undefined) return { problem: `the SSH key ${shown} ${untimely}` };
  try {
    if (verifySshSignature(parsed, payload)) return { signer: `${signer.name} (${shown})` };
  } catch (error) {
    return {
      problem: error instanceof TypeError ? error.message : "the SSH signature is malformed",
    };
  }
  return { problem: `the SSH signature of ${shown} does not fit the content` };
}

function notAllowed(
  shown: string,
  publicKey: Buffer,
  allowed: readonly AllowedSigner[],
  isForGit: (signer: AllowedSigner) => boolean,
): string {
  if (publicKey.toString("latin1", 4, 60).includes("-cert-v01@openssh.com"))
    return "it is signed by an SSH certificate, which is not supported: allow the key itself";
  if (allowed.length === 0) return `the SSH key ${shown} is not among the allowed ones`;
  return allowed.some(isForGit)
    ? `the SSH key ${shown} is allowed as an authority only, which is not supported`
    : `the SSH key ${shown} is not allowed to sign for git`;
}

/** Like git, by the date of the commit: what was signed in time stays good when a key ends. */
function untimelyProblem(
  { validAfterMs = 0, validBeforeMs = Number.POSITIVE_INFINITY }: AllowedSigner,
  madeMs: number,
  nowMs: number,
): string | undefined {
  if (madeMs > nowMs + MAX_FUTURE_MS) return "signed a date that lies in the future";
  if (madeMs < validAfterMs) return "was not valid yet at that date";
  return madeMs >= validBeforeMs ? "was expired at that date" : undefined;
}

function refused(options: VerificationOptions, what: string, why: string): SourceError {
  const { mode, keys, where } = options;
  const unreadable = keys.unreadable.slice(0, 3).join(", ");
  return new SourceError("signature", {
    what: `${what} ${why}`,
    where,
    advice: `Only what is signed by a key of the Secret in verify.secretRef is deployed (mode ${mode})${unreadable === "" ? "" : `; of the Secret cannot be read: ${unreadable}`}.`,
  });
}
