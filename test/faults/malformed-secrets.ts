/** What can be wrong with a Secret, below its metadata. */
import type { Canary } from "./canary.ts";

/** Each is wrong in its own way; every one must be named as wrong, none shown. */
export const malformedSecrets = (broken: Canary): Readonly<Record<string, string>> => ({
  "not-base64": `data:\n  key: "${broken.value}!"`,
  "data-list": `data: ["${broken.value}"]`,
  "data-text": `data: ${broken.value}`,
  "data-number": `data:\n  key: 12345\n  other: "${broken.base64}"`,
  "data-object": `data:\n  key:\n    inner: ${broken.value}`,
  "text-list": `stringData:\n  key: ["${broken.value}"]`,
  "text-object": `stringData:\n  key: {inner: "${broken.value}"}`,
  "text-number": `stringData:\n  key: 12345\n  other: ${broken.value}`,
  "text-of-text": `stringData: ${broken.value}`,
  "not-json": `type: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: "${broken.base64}"`,
  "no-such-field": `stringdata:\n  key: ${broken.value}`,
  "immutable-text": `immutable: ${broken.value}`,
});
/** No YAML at all, at or near the secret. */
export const brokenSecrets = (broken: Canary): Readonly<Record<string, string>> => ({
  quote: `stringData:\n  key: "${broken.value}\n  other: x`,
  brace: `stringData: {key: ${broken.value}`,
  tab: `stringData:\n\tkey: ${broken.value}`,
  behind: `stringData:\n  key: "x" ${broken.value}`,
  stray: `stringData:\n  key: x\n]${broken.value}`,
  escape: `stringData:\n  key: "\\q${broken.value}"`,
  alias: `stringData:\n  key: *${broken.value}`,
  tag: `stringData:\n  key: !${broken.value} x`,
  "tag-uri": `stringData:\n  key: !<${broken.value} x`,
  twice: `stringData:\n  key: ${broken.value}\n  key: ${broken.value}`,
  reserved: `stringData:\n  key: @${broken.value}`,
  block: `stringData:\n  key: |${broken.value}\n    x`,
  multiline: `stringData:\n  key: a\n ${broken.value} b: c`,
  directive: `---\n%${broken.value}\n---\na: b`,
  merge: `stringData:\n  <<: ${broken.value}`,
});
