/** Which files of a Kustomize folder are whole manifests by themselves. */
import { isObject } from "../../kube/json-object.ts";
import { decodeText } from "../render/yaml/decode-text.ts";
import { parseYaml } from "../render/yaml/parse-yaml.ts";

/**
 * Fields that add to every resource what it may be lacking, such as the labels that a selector
 * needs: then no resource can be judged before it is rendered.
 */
const COMPLETING_FIELDS = ["commonLabels", "labels", "transformers", "namePrefix", "nameSuffix"];

/** Names under `resources`; empty when none of them can be judged as it stands. */
export function kustomizeResources(bytes: Uint8Array): ReadonlySet<string> {
  const decoded = decodeText(bytes);
  const value = "text" in decoded ? parseYaml(decoded.text).documents[0]?.value : undefined;
  if (!isObject(value) || COMPLETING_FIELDS.some((field) => field in value)) return new Set();
  const resources = value["resources"];
  if (!Array.isArray(resources)) return new Set();
  const names = resources.filter((name) => typeof name === "string");
  return new Set(names.map((name) => name.replace(/^\.\//, "")));
}
