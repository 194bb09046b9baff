/** Rendered objects that are encrypted, or hold encrypted files, with what they hold put in. */
import type { Finding } from "../check/finding.ts";
import { DecryptError } from "../decrypt/decrypt-error.ts";
import type { Decryptor } from "../decrypt/decryptor.ts";
import { isObject } from "../../kube/json-object.ts";
import { deepFreeze, type JsonObject, type KubeObject } from "../../kube/object.ts";
import { findingObject, type Manifest } from "./manifest.ts";
import type { Rendered } from "./render.ts";

export async function decryptRendered(
  rendered: Rendered,
  decryptor: Decryptor | undefined,
): Promise<Rendered> {
  if (decryptor === undefined || !rendered.objects.some(({ object }) => mayBeEncrypted(object)))
    return rendered;
  const objects: Manifest[] = [];
  const findings: Finding[] = [];
  for (const manifest of rendered.objects) {
    const clear = await decrypted(manifest, decryptor);
    if ("severity" in clear) findings.push(clear);
    else objects.push(clear);
  }
  return {
    ...rendered,
    // Clear text is not in the id: the tree's id and the keys' stand for it.
    id: JSON.stringify([rendered.id, decryptor.id]),
    objects,
    findings: [...rendered.findings, ...findings],
    complete: rendered.complete && findings.length === 0,
  };
}

/** A whole document says so at its top; a Secret may hold files that are. */
function mayBeEncrypted(object: KubeObject): boolean {
  return object.kind === "Secret" || isObject((object as KubeObject & JsonObject)["sops"]);
}

async function decrypted(manifest: Manifest, decryptor: Decryptor): Promise<Manifest | Finding> {
  if (!mayBeEncrypted(manifest.object)) return manifest;
  try {
    const clear = await decryptor.decryptObject(manifest.object as KubeObject & JsonObject);
    if (clear === undefined) return manifest;
    return {
      ...manifest,
      object: deepFreeze(clear as JsonObject & KubeObject),
      confidential: true,
    };
  } catch (error) {
    if (!(error instanceof DecryptError)) throw error;
    return decryptFinding(error, manifest.origin, manifest);
  }
}

export function decryptFinding(
  { code, what, advice }: DecryptError,
  { file, line, column }: { file: string; line: number; column: number },
  manifest?: Manifest,
): Finding {
  return {
    severity: "error",
    rule: `decrypt/${code}`,
    message: what,
    file,
    line,
    column,
    suggestion: advice.replace(/\.$/, ""),
    ...(manifest === undefined ? {} : { object: findingObject(manifest.object) }),
  };
}
