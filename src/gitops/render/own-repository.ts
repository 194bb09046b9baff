/**
 * Applications that are declared in Git often read the repository that they are declared in. They
 * say `repoURL: .`, which becomes that repository: so a fork, a copy or a renamed repository works
 * without a change.
 */
import type { ApplicationSource } from "../../kube/kinds/application.ts";
import { isObject } from "../../kube/json-object.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { Manifest } from "./manifest.ts";

const OWN = ".";
const GROUP = "gantry.dev/";
const KINDS = new Set(["Application", "ApplicationSet"]);
/** `spec.generators[].matrix.generators[].git.repoURL` is the deepest place. */
const MAX_DEPTH = 16;

/** The same list where nothing says so. */
export function inOwnRepository(
  manifests: readonly Manifest[],
  source: ApplicationSource,
): readonly Manifest[] {
  if (!manifests.some(({ object }) => isDeclared(object))) return manifests;
  return manifests.map((manifest) => {
    if (!isDeclared(manifest.object)) return manifest;
    const object = filled(manifest.object, source, 0) as KubeObject;
    return object === manifest.object ? manifest : { ...manifest, object };
  });
}

function isDeclared({ apiVersion, kind }: KubeObject): boolean {
  return apiVersion.startsWith(GROUP) && KINDS.has(kind);
}

/** Without a revision of its own it follows the same one. */
function filled(value: unknown, source: ApplicationSource, depth: number): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => filled(item, source, depth + 1));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(
    ([key, field]) => [key, filled(field, source, depth + 1)] as const,
  );
  const isChanged = entries.some(([key, field]) => field !== value[key]);
  const next = isChanged ? Object.fromEntries(entries) : value;
  if (value["repoURL"] !== OWN) return next;
  const { repoURL, targetRevision } = source;
  // Generators say revision, sources targetRevision.
  const isGenerator = "directories" in value || "files" in value;
  const name = isGenerator ? "revision" : "targetRevision";
  return {
    ...next,
    repoURL,
    ...(targetRevision === undefined || name in value ? {} : { [name]: targetRevision }),
  };
}
