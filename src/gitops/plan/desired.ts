/**
 * From rendered manifests to the objects as they will be applied: in the destination namespace,
 * with the marks of their Application, and with the resource that serves them.
 */
import { createHash } from "node:crypto";
import type { Client } from "../../client/client.ts";
import { type Resource } from "../../kube/kind.ts";
import type { CustomResourceDefinition } from "../../kube/kinds/customresourcedefinition.ts";
import type { IgnoreDifference } from "../../kube/kinds/application.ts";
import { type KubeObject, parseApiVersion } from "../../kube/object.ts";
import { isHook } from "./hooks.ts";
import { type IgnoredFields, ignoredFields } from "./ignore-rules.ts";
import { type ObjectRef, refKey, refOf } from "./object-ref.ts";
import { type SyncOptions, objectOptions } from "./sync-options.ts";
import { waveOf } from "./sync-wave.ts";
import { manifestJson, trackingLabel, withTracking } from "./tracking.ts";

/** Where in the repository an object comes from. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}
export interface Desired {
  readonly ref: ObjectRef;
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly hash: string;
  readonly origin: Origin;
  readonly options: SyncOptions;
  readonly wave: number;
  /** Who applies it, where that is not Gantry as a whole: such an object is shared, and not tracked. */
  readonly manager?: string;
  /** Fields to leave alone once the object exists. */
  readonly ignored: IgnoredFields;
  /** It was encrypted in the repository: its values are shown to nobody, whatever its kind. */
  readonly confidential?: boolean;
}

/** A manifest that cannot become an object of the destination. */
export interface Unusable {
  readonly ref: ObjectRef;
  readonly origin: Origin;
  readonly reason: string;
  readonly wave: number;
  /** Its kind is expected to be served before long: no mistake. */
  readonly awaited: boolean;
}
/** What the manifests come to. */
export interface Derived {
  readonly desired: readonly Desired[];
  /** Without tracking marks, and maybe without a name: what each run makes of them differs. */
  readonly hooks: readonly Desired[];
  readonly unusable: readonly Unusable[];
}

export interface DesiredOptions {
  readonly client: Pick<Client, "resourceFor">;
  readonly applicationKey: string;
  /** For manifests that name none. */
  readonly namespace: string;
  readonly options: SyncOptions;
  readonly ignoreDifferences?: readonly IgnoreDifference[] | undefined;
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Keeps the order of the manifests. */
export async function toDesired(
  manifests: readonly {
    readonly object: KubeObject;
    readonly origin: Origin;
    readonly confidential?: boolean;
  }[],
  { client, applicationKey, namespace, options, ignoreDifferences }: DesiredOptions,
): Promise<Derived> {
  const label = trackingLabel(applicationKey, sha256);
  const defined = definedResources(manifests.map((manifest) => manifest.object));
  const desired: Desired[] = [];
  const hooks: Desired[] = [];
  const unusable: Unusable[] = [];
  const byRef = new Map<string, Desired>();
  for (const { object, origin, confidential } of manifests) {
    const { apiVersion, kind } = object;
    const resource =
      (await client.resourceFor(apiVersion, kind)) ?? defined.get(`${apiVersion}/${kind}`);
    if (resource === undefined) {
      const reason = `the destination serves no kind ${kind} in ${apiVersion}; apply its CustomResourceDefinition first, or add it to this repository`;
      const { awaitKind: awaited } = objectOptions(object, options);
      unusable.push({ ref: refOf(object), origin, reason, wave: waveOf(object), awaited });
      continue;
    }
    const placed = inNamespace(writable(object), resource, namespace);
    const hash = sha256(manifestJson(placed));
    const ref = refOf(placed);
    const wave = waveOf(object);
    const twin = ref.name === "" ? undefined : byRef.get(refKey(ref));
    if (twin !== undefined) {
      const reason = `is also defined at ${twin.origin.file}:${twin.origin.line}; keep one of the two`;
      unusable.push({ ref, origin, reason, wave, awaited: false });
      continue;
    }
    const isRun = isHook(object);
    const entry: Desired = {
      ref,
      resource,
      object: isRun ? placed : withTracking(placed, { label, hash }),
      hash,
      origin,
      options: objectOptions(object, options),
      wave,
      ignored: ignoredFields(ignoreDifferences, ref),
      ...(confidential === true && { confidential }),
    };
    byRef.set(refKey(ref), entry);
    (isRun ? hooks : desired).push(entry);
  }
  return { desired, hooks, unusable };
}

/** Resources that the manifests' own CustomResourceDefinitions will bring, by `apiVersion/kind`. */
function definedResources(objects: readonly KubeObject[]): Map<string, Resource> {
  const defined = new Map<string, Resource>();
  for (const object of objects) {
    if (object.kind !== "CustomResourceDefinition") continue;
    if (parseApiVersion(object.apiVersion).group !== "apiextensions.k8s.io") continue;
    const { spec } = object as CustomResourceDefinition;
    for (const { name: version } of spec.versions) {
      const { kind, plural } = spec.names;
      const namespaced = spec.scope === "Namespaced";
      const resource = { group: spec.group, version, kind, plural, namespaced };
      defined.set(`${spec.group}/${version}/${kind}`, resource);
    }
  }
  return defined;
}

function inNamespace(object: KubeObject, resource: Resource, fallback: string): KubeObject {
  const { namespace, ...metadata } = object.metadata;
  if (!resource.namespaced) return namespace === undefined ? object : { ...object, metadata };
  const own = namespace === undefined || namespace === "" ? fallback : namespace;
  return { ...object, metadata: { ...metadata, namespace: own } };
}

/** Without what only the server writes; a Secret's `stringData` as the `data` that the server makes of it. */
function writable(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
  const { uid, resourceVersion, generation, creationTimestamp, managedFields, ...metadata } =
    object.metadata;
  void [uid, resourceVersion, generation, creationTimestamp, managedFields];
  const clean: KubeObject = { ...rest, metadata };
  if (clean.kind !== "Secret" || clean.apiVersion !== "v1") return clean;
  const { stringData, data, ...secret } = clean as KubeObject & {
    stringData?: Record<string, string>;
    data?: Record<string, string>;
  };
  // What is no string is left for the API server to refuse.
  if (stringData === undefined || !Object.values(stringData).every((it) => typeof it === "string"))
    return clean;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(value, "utf8").toString("base64"),
  ]);
  const merged = { ...secret, data: { ...data, ...Object.fromEntries(encoded) } as unknown };
  return merged as unknown as KubeObject;
}
