/**
 * Checks objects as an API server would, and as nobody else does: with the definitions of custom
 * kinds that are in the same input, and with what the objects say about each other. Offline.
 */
import type { Kind } from "../../kube/kind.ts";
import type { Manifest } from "../render/manifest.ts";
import { DEFAULT_KUBERNETES_VERSION } from "./api-lifecycle.ts";
import { checkObject, type ObjectCheckOptions } from "./check-object.ts";
import { compareFindings, type Finding } from "./finding.ts";
import type { JsonSchemaCheck } from "./json-schemas.ts";
import { isDefinition, KnownKinds } from "./known-kinds.ts";
import { checkReferences } from "./references/check-references.ts";

export interface CheckOptions {
  /** Kinds besides the built-in ones and those defined in the input, e.g. those of the destination. */
  readonly customKinds?: readonly Kind[];
  /** Release whose APIs count as present, deprecated or removed. @default "1.35" */
  readonly kubernetesVersion?: string;
  /**
   * What kinds are that nobody has defined, in groups that are not Kubernetes' own (there they are
   * always errors). The operator leaves them to the destination, which may know them.
   * @default "ignore"
   */
  readonly unknownKinds?: "error" | "warning" | "ignore";
  /** Schemas that the user brought, by `kindKey`. */
  readonly jsonSchemas?: ReadonlyMap<string, JsonSchemaCheck>;
  /** Warn about references to objects that are not in the input. @default true */
  readonly references?: boolean;
  /** Of objects that name none. @default "default" */
  readonly namespace?: string;
  /** Every warning is an error. @default false */
  readonly strict?: boolean;
}

/** In order of file and line. */
export function checkManifests(
  manifests: readonly Manifest[],
  options: CheckOptions = {},
): Finding[] {
  const kinds = new KnownKinds(options.customKinds);
  const objectOptions: ObjectCheckOptions = {
    kinds,
    kubernetesVersion: options.kubernetesVersion ?? DEFAULT_KUBERNETES_VERSION,
    unknownKinds: options.unknownKinds ?? "ignore",
    jsonSchemas: options.jsonSchemas,
  };
  const findings: Finding[] = [];
  for (const manifest of manifests) {
    if (!isDefinition(manifest.object)) continue;
    const found = checkObject(manifest, objectOptions);
    findings.push(...found);
    kinds.define(manifest.object, !found.some(({ severity }) => severity === "error"));
  }
  for (const manifest of manifests)
    if (!isDefinition(manifest.object)) findings.push(...checkObject(manifest, objectOptions));
  if (options.references !== false)
    findings.push(...checkReferences(manifests, options.namespace ?? "default"));
  const judged = options.strict === true ? findings.map(asError) : findings;
  return judged.sort(compareFindings);
}

function asError(finding: Finding): Finding {
  return finding.severity === "warning" ? { ...finding, severity: "error" } : finding;
}
