/** Two documents for one object: which of them should hold? Nobody can know. */
import type { Finding } from "../check/finding.ts";
import { parseApiVersion } from "../../kube/object.ts";
import { findingObject, type Manifest } from "./manifest.ts";

/** Keeps the first of each object; the others are findings that name both places. */
export function withoutDuplicates(manifests: readonly Manifest[]): {
  readonly unique: Manifest[];
  readonly findings: Finding[];
} {
  const first = new Map<string, Manifest>();
  const findings: Finding[] = [];
  for (const manifest of manifests) {
    const identity = identityOf(manifest);
    const earlier = first.get(identity);
    if (earlier === undefined) first.set(identity, manifest);
    else findings.push(duplicate(manifest, earlier));
  }
  return { unique: [...first.values()], findings };
}

/** Of objects that several sources define, those of the last one; the others are warnings. */
export function withoutRepeats(sources: readonly (readonly Manifest[])[]): {
  readonly unique: Manifest[];
  readonly findings: Finding[];
} {
  const last = new Map<string, Manifest>();
  const findings: Finding[] = [];
  for (const manifest of sources.flat()) {
    const identity = identityOf(manifest);
    const earlier = last.get(identity);
    if (earlier !== undefined) findings.push(repeated(earlier, manifest));
    last.delete(identity);
    last.set(identity, manifest);
  }
  return { unique: [...last.values()], findings };
}

function repeated({ object, origin }: Manifest, later: Manifest): Finding {
  const { file, line, column } = later.origin;
  return {
    severity: "warning",
    rule: "manifest/repeated",
    message: `${object.kind} ${object.metadata.name} is defined again by a later source, at ${file}:${line}, which counts`,
    file: origin.file,
    line: origin.line,
    column: origin.column,
    object: findingObject(object),
    suggestion: "Keep it in one source only",
    related: [{ file, line, column, message: "this one counts" }],
  };
}

/** The version does not count: `apps/v1` and `apps/v1beta1` address the same object. */
function identityOf({ object }: Manifest): string {
  const { namespace = "", name } = object.metadata;
  return [parseApiVersion(object.apiVersion).group, object.kind, namespace, name].join("\0");
}

function duplicate(manifest: Manifest, earlier: Manifest): Finding {
  const { object, origin } = manifest;
  const { file, line, column } = earlier.origin;
  return {
    severity: "error",
    rule: "manifest/duplicate",
    message: `${object.kind} ${object.metadata.name} is defined twice, first at ${file}:${line}`,
    file: origin.file,
    line: origin.line,
    column: origin.column,
    object: findingObject(object),
    suggestion: "Remove one of the two, or give it another name or namespace",
    related: [{ file, line, column, message: "first defined here" }],
  };
}
