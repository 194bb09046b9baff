/** Which resources there are: aggregated discovery (apidiscovery.k8s.io/v2) and the older form. Pure. */
import { apiVersionOf } from "../../../kube/object.ts";
import type { Kind } from "../../../kube/kind.ts";
import type { KindRegistry } from "../registry.ts";
import { METRICS_KINDS } from "../metrics/metrics-kinds.ts";
import { REVIEW_KINDS } from "../reviews/review-kinds.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
function verbsOf(kind: Kind): readonly string[] {
  if (REVIEW_KINDS.includes(kind)) return ["create"];
  return METRICS_KINDS.includes(kind) ? ["get", "list"] : VERBS;
}
const VIEW_VERBS = ["get", "patch", "update"];
const STREAM_VERBS = ["create", "get"];

interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** Subresources that are not in the kind's own description: they are the API server's doing. */
const ACTIONS: Readonly<Record<string, readonly Subresource[]>> = {
  "/pods": [
    { name: "attach", group: "", version: "v1", kind: "PodAttachOptions", verbs: STREAM_VERBS },
    { name: "binding", group: "", version: "v1", kind: "Binding", verbs: ["create"] },
    { name: "eviction", group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
    { name: "ephemeralcontainers", group: "", version: "v1", kind: "Pod", verbs: VIEW_VERBS },
    { name: "exec", group: "", version: "v1", kind: "PodExecOptions", verbs: STREAM_VERBS },
    { name: "log", group: "", version: "v1", kind: "Pod", verbs: ["get"] },
    {
      name: "portforward",
      group: "",
      version: "v1",
      kind: "PodPortForwardOptions",
      verbs: STREAM_VERBS,
    },
  ],
  "/serviceaccounts": [
    {
      name: "token",
      group: "authentication.k8s.io",
      version: "v1",
      kind: "TokenRequest",
      verbs: ["create"],
    },
  ],
  "/namespaces": [
    { name: "finalize", group: "", version: "v1", kind: "Namespace", verbs: ["update"] },
  ],
};

/** Described like others, but not among what is kept. */
const UNSTORED = [...REVIEW_KINDS, ...METRICS_KINDS];

function subresourcesOf(kind: Kind): Subresource[] {
  const { group, version } = kind;
  const views: Subresource[] = [];
  if (kind.subresources?.status === true)
    views.push({ name: "status", group, version, kind: kind.kind, verbs: VIEW_VERBS });
  if (kind.subresources?.scale !== undefined)
    views.push({
      name: "scale",
      group: "autoscaling",
      version: "v1",
      kind: "Scale",
      verbs: VIEW_VERBS,
    });
  return [...(ACTIONS[`${group}/${kind.plural}`] ?? []), ...views];
}

/** Kinds by group, then version, in the registry's order; versions best first. */
function byGroup(registry: KindRegistry): Map<string, Map<string, Kind[]>> {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of [...registry.all().map((served) => served.kind), ...UNSTORED]) {
    const versions = groups.get(kind.group) ?? new Map<string, Kind[]>();
    groups.set(kind.group, versions);
    versions.set(kind.version, [...(versions.get(kind.version) ?? []), kind]);
  }
  return groups;
}

/** `APIGroupDiscoveryList` of the core group (`/api`) or of all others (`/apis`). */
export function aggregatedDiscovery(
  registry: KindRegistry,
  core: boolean,
  version: string,
): unknown {
  const items = [...byGroup(registry)]
    .filter(([group]) => (group === "") === core)
    .map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: [...versions].map(([name, kinds]) => ({
        version: name,
        resources: kinds.map(aggregatedResource),
        freshness: "Current",
      })),
    }));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items,
  };
}

function aggregatedResource(kind: Kind): unknown {
  const { group, version } = kind;
  const subresources = subresourcesOf(kind);
  return {
    resource: kind.plural,
    responseKind: { group, version, kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames === undefined ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories === undefined ? {} : { categories: kind.categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: {
              group: subresource.group,
              version: subresource.version,
              kind: subresource.kind,
            },
            verbs: subresource.verbs,
          })),
        }),
  };
}

/** `/api` for clients without aggregated discovery. */
export function apiVersions(address: string): unknown {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
  };
}

/** `/apis`. */
export function apiGroupList(registry: KindRegistry): unknown {
  const groups = [...byGroup(registry)]
    .filter(([group]) => group !== "")
    .map(([group, versions]) => groupOf(group, [...versions.keys()]));
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** `/apis/<group>`; undefined when there is no such group. */
export function apiGroup(registry: KindRegistry, group: string): unknown {
  const versions = byGroup(registry).get(group);
  if (group === "" || versions === undefined) return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...groupOf(group, [...versions.keys()]) };
}

function groupOf(name: string, versions: readonly string[]): object {
  const listed = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: listed, preferredVersion: listed[0] };
}

/** `/api/v1` and `/apis/<group>/<version>`; undefined when there is no such version. */
export function apiResourceList(registry: KindRegistry, group: string, version: string): unknown {
  const kinds = byGroup(registry).get(group)?.get(version);
  if (kinds === undefined) return undefined;
  const resources = kinds.flatMap((kind) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: verbsOf(kind),
      ...(kind.shortNames === undefined ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories === undefined ? {} : { categories: kind.categories }),
    },
    ...subresourcesOf(kind).map((subresource) => ({
      name: `${kind.plural}/${subresource.name}`,
      singularName: "",
      namespaced: kind.namespaced,
      ...(subresource.group === group
        ? {}
        : { group: subresource.group, version: subresource.version }),
      kind: subresource.kind,
      verbs: subresource.verbs,
    })),
  ]);
  const groupVersion = apiVersionOf({ group, version });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}
