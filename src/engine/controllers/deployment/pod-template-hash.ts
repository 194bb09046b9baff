/**
 * Tells pod templates apart. The hash names ReplicaSets and labels their pods; it is our own (upstream
 * prints Go structures), so only its alphabet and its stability are promised.
 */
import type { PodTemplateSpec } from "kubernetes-types/core/v1";
import { deepEqual } from "../../../kube/equality.ts";
import { isObject } from "../../../kube/json-object.ts";

export const POD_TEMPLATE_HASH = "pod-template-hash";

/** Kubernetes' alphabet for generated names: no vowels, so that no words come out. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** `collisionCount` makes another hash of the same template, when a name was taken. */
export function podTemplateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const text = canonical(withoutHash(template));
  let hash = fnv1a(collisionCount === 0 ? text : `${text}#${collisionCount}`);
  let encoded = "";
  do {
    encoded += ALPHABET.charAt(hash % ALPHABET.length);
    hash = Math.floor(hash / ALPHABET.length);
  } while (hash > 0);
  return encoded;
}

/** Whether two templates mean the same pods; the hash label and empty fields do not count. */
export function isSameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  const [left, right] = [withoutHash(a), withoutHash(b)];
  return deepEqual(left, right) || canonical(left) === canonical(right);
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const labels = template.metadata?.labels;
  if (labels === undefined || !Object.hasOwn(labels, POD_TEMPLATE_HASH)) return template;
  const { [POD_TEMPLATE_HASH]: _, ...others } = labels;
  return { ...template, metadata: { ...template.metadata, labels: others } };
}

/**
 * JSON with sorted keys, without null and empty lists, which mean the same as nothing. Empty objects
 * stay: `emptyDir: {}` says something; those of metadata are dropped.
 */
function canonical(value: unknown, path = ""): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value)
    .filter((key) => !isNothing(value[key], path))
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key], key)}`);
  return `{${fields.join(",")}}`;
}

function isNothing(value: unknown, parent: string): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return parent === "metadata" && isObject(value) && Object.keys(value).length === 0;
}

/** FNV-1a over UTF-16 code units, 32 bits. */
function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME) >>> 0;
  return hash;
}
