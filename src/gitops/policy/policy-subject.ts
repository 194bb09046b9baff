/** What policies are asked about: rendered objects, with where they stand and where they go. */
import type { Finding, FindingObject, Position, Severity } from "../check/finding.ts";
import { findingObject } from "../render/manifest.ts";
import type { KubeObject } from "../../kube/object.ts";

export interface PolicyManifest {
  readonly object: KubeObject;
  readonly origin: { readonly file: string; readonly line: number; readonly column?: number };
  /** As of `Manifest`: where a field stands. */
  readonly positionOf?: (path: string, of?: "key" | "value") => Position;
}

export interface RuleBreach {
  /** Stable id: `scan/privileged`, `policy/NAME/RULE`, `project/kind`. */
  readonly rule: string;
  readonly severity: Severity;
  /** Never holds a value of a Secret. */
  readonly message: string;
  /** Field path in the object. */
  readonly path?: string;
  readonly suggestion?: string;
  /** What the path leads to is a secret. */
  readonly hidesValue?: boolean;
}

/** The finding of a breach, at the field if it stands in the file, else at the object. */
export function findingAt(manifest: PolicyManifest, breach: RuleBreach): Finding {
  const { origin, object } = manifest;
  const { path } = breach;
  const position =
    path === undefined || manifest.positionOf === undefined
      ? { line: origin.line, column: origin.column ?? 1 }
      : manifest.positionOf(path);
  return { ...breach, file: origin.file, ...position, object: namesOf(object) };
}

const namesOf = (object: KubeObject): FindingObject => findingObject(object);
