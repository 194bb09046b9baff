/**
 * One file of manifests, from bytes to objects. Depends on the content alone, so that what was read
 * once is good for every file and every commit with the same blob.
 */
import type { Finding, Position } from "../check/finding.ts";
import { nearestName } from "../check/nearest-name.ts";
import { deepFreeze, type Json, type JsonObject, type KubeObject } from "../../kube/object.ts";
import { isHook, placeholderName } from "../plan/hooks.ts";
import type { Manifest } from "./manifest.ts";
import { decodeText } from "./yaml/decode-text.ts";
import { FieldPositions } from "./yaml/field-position.ts";
import { LineIndex } from "./yaml/line-index.ts";
import { parseYaml } from "./yaml/parse-yaml.ts";
import type { YamlDocument, YamlLimits, YamlProblem } from "./yaml/yaml-document.ts";

/** A finding of a file whose name is not known yet. */
export type FileFinding = Omit<Finding, "file" | "related"> & {
  readonly related?: readonly (Position & { readonly message: string })[];
};

export interface FileObject {
  readonly object: KubeObject;
  readonly document: number;
  readonly itemPath: string | undefined;
  readonly position: Position;
}

/** Why nothing, or not everything, of a file became objects. */
export interface ManifestFile {
  readonly objects: readonly FileObject[];
  readonly findings: readonly FileFinding[];
  readonly sourceBytes: number;
  /** False when objects may be missing because something could not be read. */
  readonly complete: boolean;
  /** It was encrypted in the repository. */
  readonly confidential?: boolean;
  positionOf(object: FileObject, path: string, of: "key" | "value"): Position;
}

const LFS_POINTER = "version https://git-lfs.github.com/spec/v1";
const NOT_A_MAP = "Every object is a map with apiVersion, kind and metadata";
const START: Position = { line: 1, column: 1 };

export function readManifestFile(bytes: Uint8Array, limits?: YamlLimits): ManifestFile {
  const decoded = decodeText(bytes);
  if ("problem" in decoded)
    return unreadable(notText(decoded.problem, decoded.offset), bytes.length);
  const { text } = decoded;
  if (text.startsWith(LFS_POINTER)) return unreadable(lfsPointer(), bytes.length);
  const { documents, problems } = parseYaml(text, limits);
  const file = new Reading(text, bytes.length);
  for (const problem of problems) file.addProblem(problem);
  const isManifest = documents.some(
    ({ value }) => isObject(value) && ("apiVersion" in value || "kind" in value),
  );
  documents.forEach((document, at) => file.addDocument(document, at, isManifest));
  return file.result();
}

/**
 * Findings come document by document, and a syntax tree is many times the size of its text: only
 * the last one is kept.
 */
let lastRead:
  | { readonly reading: Reading; readonly document: number; readonly positions: FieldPositions }
  | undefined;

class Reading {
  readonly #text: string;
  readonly #sourceBytes: number;
  #lines: LineIndex | undefined;
  readonly #objects: FileObject[] = [];
  readonly #findings: FileFinding[] = [];
  readonly #ranges: (readonly [number, number])[] = [];
  #complete = true;

  constructor(text: string, sourceBytes: number) {
    this.#text = text;
    this.#sourceBytes = sourceBytes;
  }

  addProblem({ severity, rule, message, offset, suggestion, firstOffset }: YamlProblem): void {
    if (severity === "error") this.#complete = false;
    const related =
      firstOffset === undefined
        ? undefined
        : [{ ...this.#positionAt(firstOffset), message: "first set here" }];
    this.#findings.push({
      severity,
      rule,
      message,
      ...this.#positionAt(offset),
      ...(suggestion !== undefined && { suggestion }),
      ...(related !== undefined && { related }),
    });
  }

  addDocument({ value, start, range }: YamlDocument, at: number, inManifest: boolean): void {
    this.#ranges[at] = range;
    // Broken documents have their finding already; empty ones are nothing.
    if (value === undefined || value === null) return;
    const position = this.#positionAt(start);
    if (!isObject(value)) {
      if (inManifest)
        this.#add("manifest/not-an-object", position, "this document is not a map", NOT_A_MAP);
      else this.#ignored(position);
      return;
    }
    if (!inManifest && !looksLikeManifest(value)) this.#ignored(position, value);
    else this.#addObject(value, at, undefined, position);
  }

  #addObject(
    value: JsonObject,
    at: number,
    itemPath: string | undefined,
    position: Position,
  ): void {
    const { apiVersion, kind } = value;
    if (typeof apiVersion !== "string" || apiVersion === "")
      return this.#missing("apiVersion", value, at, itemPath);
    if (typeof kind !== "string" || kind === "") return this.#missing("kind", value, at, itemPath);
    if (kind.endsWith("List") && Array.isArray(value["items"]) && itemPath === undefined) {
      this.#addItems(value["items"] as Json[], apiVersion, kind, at);
      return;
    }
    const { metadata } = value;
    if (!isObject(metadata)) return this.#unnamed(value, kind, at, itemPath, "metadata");
    const generated = metadata["name"] === undefined ? generatedName(value) : undefined;
    if (
      generated === undefined &&
      (typeof metadata["name"] !== "string" || metadata["name"] === "")
    )
      return this.#unnamed(value, kind, at, itemPath, "metadata.name");
    const wrong = wrongMetadata(metadata);
    if (wrong !== undefined)
      return this.#add(
        "manifest/metadata-type",
        this.#fieldPosition(at, join(itemPath, wrong.field), "value"),
        `${wrong.field} must be ${wrong.wanted}`,
        wrong.advice,
      );
    const kept = withoutNulls(metadata);
    const named =
      generated === undefined && kept === metadata
        ? value
        : { ...value, metadata: generated === undefined ? kept : { ...kept, name: generated } };
    const object = deepFreeze(named as JsonObject & KubeObject);
    this.#objects.push({ object, document: at, itemPath, position });
  }

  /** Members of `DeploymentList` may leave out what the list's own kind says. */
  #addItems(items: readonly Json[], apiVersion: string, kind: string, at: number): void {
    const itemKind = kind.slice(0, -"List".length);
    items.forEach((item, index) => {
      const itemPath = `items[${index}]`;
      const position = this.#fieldPosition(at, itemPath, "value");
      if (!isObject(item))
        return this.#add("manifest/not-an-object", position, `${itemPath} is not a map`, NOT_A_MAP);
      const typed = itemKind === "" ? item : { apiVersion, kind: itemKind, ...item };
      this.#addObject(typed, at, itemPath, position);
    });
  }

  #missing(field: string, value: JsonObject, at: number, itemPath: string | undefined): void {
    const given = value[field];
    const near = nearestName(field, Object.keys(value));
    const suggestion =
      given === undefined && near !== undefined
        ? `Did you mean ${field} instead of ${near}?`
        : `Add ${field}: every Kubernetes object has one`;
    const what = given === undefined ? `${field} is missing` : `${field} must be text`;
    const place = near ?? (given === undefined ? "" : field);
    const position = this.#fieldPosition(at, join(itemPath, place), "key");
    this.#add(
      `manifest/missing-${field === "kind" ? "kind" : "api-version"}`,
      position,
      what,
      suggestion,
    );
  }

  #unnamed(
    { metadata }: JsonObject,
    kind: string,
    at: number,
    itemPath: string | undefined,
    field: string,
  ): void {
    const generated = isObject(metadata) && "generateName" in metadata;
    const given =
      field === "metadata" ? metadata : isObject(metadata) ? metadata["name"] : undefined;
    const what =
      given === undefined || given === null || given === ""
        ? `${field} is missing`
        : `${field} must be ${field === "metadata" ? "a map" : `text, not ${jsonType(given)}`}`;
    const near = isObject(metadata) ? nearestName("name", Object.keys(metadata)) : undefined;
    this.#complete = false;
    this.#findings.push({
      severity: "error",
      rule: "manifest/missing-name",
      message: `${kind}: ${what}`,
      ...this.#fieldPosition(at, join(itemPath, field), "key"),
      path: field,
      suggestion: generated
        ? "generateName makes a new object on every sync: give it a name"
        : typeof given === "number" || typeof given === "boolean"
          ? "Quote the name"
          : near === undefined
            ? "Give the object a name"
            : `Did you mean name instead of ${near}?`,
    });
  }

  #ignored(position: Position, value?: JsonObject): void {
    const near = nearestName("apiVersion", Object.keys(value ?? {}));
    this.#findings.push({
      severity: "warning",
      rule: "manifest/not-kubernetes",
      message: "this is not a Kubernetes manifest (neither apiVersion nor kind): it is ignored",
      ...position,
      suggestion:
        near === undefined
          ? "Keep it out with directory.exclude if it is meant for something else"
          : `Did you mean apiVersion instead of ${near}?`,
    });
  }

  #add(rule: string, position: Position, message: string, suggestion: string): void {
    this.#complete = false;
    this.#findings.push({ severity: "error", rule, message, ...position, suggestion });
  }

  #positionAt(offset: number): Position {
    this.#lines ??= new LineIndex(this.#text);
    return this.#lines.positionAt(offset);
  }

  #fieldPosition(document: number, path: string, of: "key" | "value"): Position {
    if (lastRead?.reading !== this || lastRead.document !== document) {
      const range = this.#ranges[document] ?? [0, this.#text.length];
      lastRead = { reading: this, document, positions: new FieldPositions(this.#text, range) };
    }
    const offsets = lastRead.positions.offsetsOf(path);
    return this.#positionAt(of === "value" && offsets.exact ? offsets.value : offsets.key);
  }

  result(): ManifestFile {
    return {
      objects: this.#objects,
      findings: this.#findings,
      sourceBytes: this.#sourceBytes,
      complete: this.#complete,
      positionOf: ({ document, itemPath }, path, of) =>
        this.#fieldPosition(document, join(itemPath, path), of),
    };
  }
}

/** The file's objects and findings under the name it has in one tree. */
export function manifestsOf(file: ManifestFile, name: string): Manifest[] {
  return file.objects.map((entry) => {
    const { object, document, itemPath, position } = entry;
    return {
      object,
      origin: { file: name, ...position, document, ...(itemPath !== undefined && { itemPath }) },
      positionOf: (path, of = "value") => file.positionOf(entry, path, of),
      ...(file.confidential === true && { confidential: true }),
    };
  });
}

export function findingsOf(file: ManifestFile, name: string): Finding[] {
  return file.findings.map(({ related, ...finding }) => ({
    ...finding,
    file: name,
    ...(related !== undefined && { related: related.map((place) => ({ ...place, file: name })) }),
  }));
}

function unreadable(finding: FileFinding, sourceBytes: number): ManifestFile {
  const findings = [finding];
  return { objects: [], findings, sourceBytes, complete: false, positionOf: () => START };
}

function notText(problem: "binary" | "invalid-utf8", offset: number): FileFinding {
  return {
    severity: "error",
    rule: problem === "binary" ? "file/binary" : "file/invalid-utf8",
    message:
      problem === "binary"
        ? "this is a binary file, not YAML or JSON"
        : `the file is not valid UTF-8 (byte ${offset})`,
    ...START,
    suggestion:
      problem === "binary"
        ? "Rename it, or keep it out with directory.exclude"
        : "Save it as UTF-8",
  };
}

function lfsPointer(): FileFinding {
  return {
    severity: "error",
    rule: "file/lfs-pointer",
    message: "the content is in Git LFS; the repository only has a pointer to it",
    ...START,
    suggestion: "Keep manifests out of LFS: git lfs untrack, then commit the file again",
  };
}

/** Without apiVersion and kind, what has a named metadata is still meant as an object. */
function looksLikeManifest(value: JsonObject): boolean {
  if ("apiVersion" in value || "kind" in value) return true;
  return isObject(value["metadata"]) && "name" in value["metadata"];
}

/** `annotations:` with nothing behind it says nothing, as for kubectl: nobody has to reckon with null. */
function withoutNulls(metadata: JsonObject): JsonObject {
  const entries = Object.entries(metadata);
  if (entries.every(([, value]) => value !== null)) return metadata;
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

/**
 * What everything that comes after relies on, whatever kind it is and whether or not there is a
 * schema for it.
 */
function wrongMetadata(
  metadata: JsonObject,
): { readonly field: string; readonly wanted: string; readonly advice: string } | undefined {
  const { namespace } = metadata;
  if (namespace !== undefined && namespace !== null && typeof namespace !== "string")
    return { field: "metadata.namespace", wanted: "text", advice: "Quote the namespace" };
  for (const name of ["labels", "annotations"]) {
    const map = metadata[name];
    if (map === undefined || map === null) continue;
    const field = `metadata.${name}`;
    if (!isObject(map)) return { field, wanted: "a map", advice: `Write key: value below ${name}` };
    for (const [key, value] of Object.entries(map))
      if (typeof value !== "string")
        return { field: `${field}[${key}]`, wanted: "text", advice: "Quote the value" };
  }
  for (const name of ["ownerReferences", "finalizers"]) {
    const list = metadata[name];
    if (list !== undefined && list !== null && !Array.isArray(list))
      return { field: `metadata.${name}`, wanted: "a list", advice: "Begin each item with a dash" };
  }
  return undefined;
}

function join(itemPath: string | undefined, path: string): string {
  if (itemPath === undefined || path === "") return itemPath ?? path;
  return path.startsWith("[") ? itemPath + path : `${itemPath}.${path}`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonType(value: Json): string {
  return Array.isArray(value) ? "a list" : isObject(value) ? "a map" : `a ${typeof value}`;
}

/** Each sync makes a new object of a hook: that one may leave its name to be made up. */
function generatedName(value: JsonObject): string | undefined {
  const { metadata } = value;
  const prefix = isObject(metadata) ? metadata["generateName"] : undefined;
  if (typeof prefix !== "string" || prefix === "") return undefined;
  return isHook(value as JsonObject & KubeObject) ? placeholderName(prefix) : undefined;
}
