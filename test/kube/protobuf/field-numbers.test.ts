import { expect, test } from "vitest";
import { builtinKinds } from "../../../src/kube/kinds/index.ts";
import { type MessageFields, messageFields } from "../../../src/kube/protobuf/message-fields.ts";
import { definition, definitionNameOf, schemaOf } from "../../../src/kube/schema/definitions.ts";
import { apiVersionOf } from "../../../src/kube/object.ts";

/** Newer than the release whose numbers are known (1.35). */
const UNNUMBERED = new Set([
  "io.k8s.api.core.v1.PodSpec.schedulingGroup",
  "io.k8s.api.core.v1.PodStatus.nodeAllocatableResourceClaimStatuses",
  "io.k8s.api.core.v1.ResourceHealth.message",
  "io.k8s.api.core.v1.VolumeMountStatus.volumeStatus",
  "io.k8s.api.storage.v1.CSIDriverSpec.preventPodSchedulingIfMissing",
  "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta.shardInfo",
]);
/** Kinds of ours, and of projects that have no protobuf. */
const WITHOUT_PROTOBUF =
  /^(gantry\.dev|gateway\.networking\.k8s\.io|snapshot\.storage\.k8s\.io|metrics\.k8s\.io)$/;

function names(fields: MessageFields): Set<string> {
  const all = new Set<string>();
  for (const field of fields.values())
    if ("inline" in field) for (const name of names(field.inline)) all.add(name);
    else all.add(field.name);
  return all;
}

/** Follows every message that a definition holds. */
function missing(name: string, seen: Set<string>): string[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const fields = names(messageFields(name));
  const absent = Object.keys(definition(name)?.properties ?? {})
    .filter((field) => field !== "apiVersion" && field !== "kind" && !fields.has(field))
    .map((field) => `${name}.${field}`);
  const held = [...fieldTypes(messageFields(name))].flatMap((type) => missing(type, seen));
  return [...absent, ...held];
}

function* fieldTypes(fields: MessageFields): Generator<string> {
  for (const field of fields.values()) {
    if ("inline" in field) {
      yield* fieldTypes(field.inline);
      continue;
    }
    let { type } = field;
    while (typeof type === "object" && !("message" in type))
      type = "list" in type ? type.list : type.map;
    if (typeof type === "object") yield type.message;
  }
}

test("every field of every built-in kind has a number", () => {
  const seen = new Set<string>();
  const absent = builtinKinds
    .filter(({ group }) => !WITHOUT_PROTOBUF.test(group))
    .flatMap(({ group, version, kind }) => {
      const schema = schemaOf(apiVersionOf({ group, version }), kind);
      const name = schema === undefined ? undefined : definitionNameOf(schema);
      return name === undefined ? [`${group} ${kind}`] : missing(name, seen);
    });
  expect(absent.filter((field) => !UNNUMBERED.has(field))).toEqual([]);
  expect(seen.size).toBeGreaterThan(250);
});
