/** Plain manifests that are encrypted as a whole, with what they hold put in. */
import type { Finding } from "../check/finding.ts";
import { DecryptError } from "../decrypt/decrypt-error.ts";
import type { Decryptor } from "../decrypt/decryptor.ts";
import { isObject } from "../../kube/json-object.ts";
import { deepFreeze, type JsonObject, type KubeObject } from "../../kube/object.ts";
import { findingObject, type Manifest } from "./manifest.ts";
import type { Rendered } from "./render.ts";

const DISABLED = "kustomize.toolkit.fluxcd.io/decrypt";

export async function decryptRendered(
  rendered: Rendered,
  decryptor: Decryptor | undefined,
): Promise<Rendered> {
  if (decryptor === undefined || !rendered.objects.some(({ object }) => isEncrypted(object)))
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

function isEncrypted(object: KubeObject): boolean {
  const fields = object as KubeObject & JsonObject;
  const { annotations, labels } = object.metadata;
  if (annotations?.[DISABLED] === "disabled" || labels?.[DISABLED] === "disabled") return false;
  return isObject(fields["sops"]);
}

async function decrypted(manifest: Manifest, decryptor: Decryptor): Promise<Manifest | Finding> {
  if (!isEncrypted(manifest.object)) return manifest;
  try {
    const clear = await decryptor.decryptObject(manifest.object as KubeObject & JsonObject);
    if (clear === undefined) return manifest;
    return { ...manifest, object: deepFreeze(clear as JsonObject & KubeObject) };
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
