/**
 * The paths of an OpenAPI v3 document: which operations there are on which kind, and with which
 * parameters. `kubectl` reads from them whether the server validates fields. Pure.
 */
import type { Kind } from "../../../kube/kind.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import { METRICS_KINDS } from "../metrics/metrics-kinds.ts";
import { REVIEW_KINDS } from "../reviews/review-kinds.ts";

const query = (name: string, type: "string" | "boolean" | "integer") => ({
  name,
  in: "query",
  schema: { type, uniqueItems: true },
});
const WRITE = [
  query("dryRun", "string"),
  query("fieldManager", "string"),
  query("fieldValidation", "string"),
];
const LIST = [
  query("labelSelector", "string"),
  query("fieldSelector", "string"),
  query("limit", "integer"),
  query("continue", "string"),
  query("resourceVersion", "string"),
  query("resourceVersionMatch", "string"),
  query("sendInitialEvents", "boolean"),
  query("allowWatchBookmarks", "boolean"),
  query("timeoutSeconds", "integer"),
  query("watch", "boolean"),
];
const PATCH_TYPES = [
  "application/apply-patch+yaml",
  "application/json-patch+json",
  "application/merge-patch+json",
];
/** `kubectl apply` sends the kind of patch that it finds here: custom kinds have no list keys. */
const BUILTIN_PATCH_TYPES = [...PATCH_TYPES, "application/strategic-merge-patch+json"];

export function openApiPaths(
  served: readonly ServedKind[],
  schemaName: (kind: Kind) => string,
): object {
  const paths: Record<string, object> = {};
  for (const { kind, custom } of served) {
    const patchTypes = custom === undefined ? BUILTIN_PATCH_TYPES : PATCH_TYPES;
    const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
    const collection = kind.namespaced
      ? `${root}/namespaces/{namespace}/${kind.plural}`
      : `${root}/${kind.plural}`;
    const operation = operations(kind, schemaName(kind));
    if (REVIEW_KINDS.includes(kind)) {
      const types = ["application/json", "application/yaml"];
      paths[collection] = { post: operation("post", WRITE, types) };
      continue;
    }
    if (METRICS_KINDS.includes(kind)) {
      paths[collection] = { get: operation("list", LIST) };
      paths[`${collection}/{name}`] = { get: operation("get", []) };
      continue;
    }
    paths[collection] = {
      get: operation("list", LIST),
      post: operation("post", WRITE, ["application/json", "application/yaml"]),
      delete: operation("deletecollection", LIST),
    };
    paths[`${collection}/{name}`] = {
      get: operation("get", []),
      put: operation("put", WRITE, ["application/json", "application/yaml"]),
      patch: operation("patch", [...WRITE, query("force", "boolean")], patchTypes),
      delete: operation("delete", [query("dryRun", "string")], ["application/json"]),
    };
    if (kind.namespaced) paths[`${root}/${kind.plural}`] = { get: operation("list", LIST) };
  }
  return paths;
}

function operations(kind: Kind, schema: string) {
  const { group, version } = kind;
  const content = { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } };
  return (
    action: string,
    parameters: readonly object[],
    bodyTypes?: readonly string[],
  ): object => ({
    tags: [group === "" ? `core_${version}` : `${group.split(".")[0]}_${version}`],
    operationId: `${action}${group}${version}${kind.kind}`,
    parameters,
    ...(bodyTypes === undefined
      ? {}
      : {
          requestBody: {
            content: Object.fromEntries(bodyTypes.map((type) => [type, { schema: {} }])),
          },
        }),
    responses: { "200": { description: "OK", content } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind: kind.kind },
  });
}
