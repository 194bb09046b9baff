/** From what goes wrong over SSH to errors that say what to do. */
import { SourceError } from "../source-error.ts";
import { transportError } from "../wire/http-problems.ts";
import { serverText } from "../wire/server-message.ts";
import { fingerprint, type HostKeyVerdict, keyTypeOf, knownHostName } from "./known-hosts.ts";

/** A host key that is not trusted; the key is shown, so that a person can compare and add it. */
export function hostKeyError(
  verdict: Exclude<HostKeyVerdict, "known">,
  server: { readonly host: string; readonly port: number; readonly key: Buffer },
  where: string,
): SourceError {
  const { host, port, key } = server;
  const shown = `${keyTypeOf(key)} ${fingerprint(key)}`;
  const line = `${knownHostName(host, port)} ${keyTypeOf(key)} ${key.toString("base64")}`;
  const add = `the line "${line}" to knownHosts in the repository's Secret or to the ConfigMap of known hosts`;
  if (verdict === "revoked")
    return new SourceError("host-key", {
      what: `the server's host key ${shown} is revoked`,
      where,
      advice: "Do not use this server before its key was replaced: somebody may listen.",
    });
  return new SourceError("host-key", {
    what:
      verdict === "changed"
        ? `the server's host key ${shown} is not the one that is known for it: somebody may listen`
        : `the server's host key ${shown} is not known`,
    where,
    advice: `Compare the fingerprint with what the server's operator publishes, then add ${add}.`,
  });
}

/** Why a connection could not be made, or broke. */
export function sshError(error: unknown, where: string, signal: AbortSignal): SourceError {
  const level = error instanceof Error && "level" in error ? String(error.level) : "";
  if (level === "client-authentication")
    return new SourceError("unauthorized", {
      what: "the server does not accept the SSH key",
      where,
      advice: "Add its public half to the repository as a deploy key, or correct sshPrivateKey.",
    });
  if (level === "client-timeout")
    return transportError(Object.assign(new Error("slow"), { code: "ETIMEDOUT" }), where, signal);
  if (level === "handshake" || level === "protocol")
    return new SourceError("protocol", {
      what: `no SSH connection could be made (${messageOf(error)})`,
      where,
      advice: "Check that an SSH server answers at this port, and which algorithms it allows.",
    });
  return transportError(error, where, signal);
}

/** What `git-upload-pack`, or the forge in its place, said before it ended without an answer. */
export function commandError(stderr: Buffer, where: string): SourceError {
  const text = serverText(stderr);
  if (/not found|does not exist|not appear to be a git repo|no such/i.test(text))
    return new SourceError("repository-not-found", {
      what: `the server reports: ${text}`,
      where,
      advice: "Check the URL, and that the SSH key may read this repository.",
    });
  if (/denied|not allowed|unauthori[sz]ed|permission/i.test(text))
    return new SourceError("forbidden", {
      what: `the server reports: ${text}`,
      where,
      advice: "Give the SSH key read access to this repository.",
    });
  return new SourceError("server-error", {
    what: text === "" ? "the server ended without an answer" : `the server reports: ${text}`,
    where,
    advice: "Look at the Git server; it is tried again by itself.",
  });
}

export function badKey(what: string, where: string): SourceError {
  return new SourceError("bad-credential", {
    what,
    where,
    advice:
      "Give sshPrivateKey as ssh-keygen writes it (ed25519, ECDSA or RSA), with sshPrivateKeyPassphrase if it is encrypted.",
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? serverText(Buffer.from(error.message)) : "unknown error";
}
