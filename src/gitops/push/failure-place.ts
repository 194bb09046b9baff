/** Where in the repository stands what an API server complains of. Pure. */
import type { Manifest } from "../render/manifest.ts";

/** `spec.replicas: Invalid value`, `metadata.labels[app]: …`: the words of field.Error in apimachinery. */
const FIELD =
  /([a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_-]+|\[[^\]\s]+\])*): (?:Invalid value|Required value|Unsupported value|Forbidden|Duplicate value|Too long|Too many|Not found|Internal error)/;

/** `web.yaml:12:5`: of the field that is named in the message, else of the object. */
export function placeOfFailure(message: string, manifest: Manifest): string {
  const { origin } = manifest;
  const path = FIELD.exec(message)?.[1];
  const { line, column } = path === undefined ? origin : manifest.positionOf(path, "key");
  return `${origin.file}:${line}:${column}`;
}
