/** `gantry validate`: files from disk, read and checked as the operator would. Deterministic. */
import { dirname } from "node:path";
import { DEFAULT_RENDER_LIMITS } from "../render/render.ts";
import { withoutDuplicates } from "../render/duplicates.ts";
import { findingObject, type Manifest } from "../render/manifest.ts";
import { findingsOf, manifestsOf, readManifestFile } from "../render/manifest-file.ts";
import type { YamlLimits } from "../render/yaml/yaml-document.ts";
import { type CheckOptions, checkManifests } from "./check-manifests.ts";
import { compareFindings, type Finding, type FindingObject } from "./finding.ts";
import { type JsonSchemaCheck, type KindRef, kindKey, loadJsonSchemas } from "./json-schemas.ts";
import { isBuiltinGroup } from "./known-kinds.ts";
import { DEFAULT_KUBERNETES_VERSION } from "./api-lifecycle.ts";
import {
  InputError,
  inputFiles,
  type InputOptions,
  type RenderedInput,
  STDIN,
} from "./manifest-paths.ts";
import { SourceLines } from "./source-lines.ts";

export { InputError } from "./manifest-paths.ts";

export interface ValidateOptions
  extends Omit<CheckOptions, "unknownKinds" | "jsonSchemas">,
    Pick<InputOptions, "readStdin" | "renderFolder"> {
  /** Kinds that nobody has defined are skipped instead of being errors. @default false */
  readonly ignoreMissingSchemas?: boolean;
  /** Further checks of all objects together. */
  readonly check?: (manifests: readonly Manifest[]) => Promise<readonly Finding[]>;
  /** Where JSON Schemas are found for kinds that are neither built in nor defined in the input. */
  readonly schemaLocations?: readonly string[];
}

/**
 * The objects of files that accompany the input, with what is wrong with reading them.
 * @throws InputError when a path cannot be read
 */
export async function readManifests(
  paths: readonly string[],
): Promise<{ readonly manifests: readonly Manifest[]; readonly findings: readonly Finding[] }> {
  const manifests: Manifest[] = [];
  const findings: Finding[] = [];
  for await (const { name, bytes } of inputFiles(paths)) {
    if (bytes.length > MAX_FILE_BYTES) throw new InputError(name, undefined);
    const file = readManifestFile(bytes, LIMITS);
    manifests.push(...manifestsOf(file, name));
    findings.push(...findingsOf(file, name));
  }
  return { manifests, findings };
}

/** One object of the input, or a file that no object could be read from. */
export interface ValidatedResource {
  readonly file: string;
  readonly object: FindingObject | undefined;
  /** `error`: unreadable, or of no known kind; `skipped`: of no known kind, and that is all right. */
  readonly status: "valid" | "invalid" | "error" | "skipped";
  readonly findings: readonly Finding[];
}

export interface ValidationReport {
  /** In order of file and document. */
  readonly resources: readonly ValidatedResource[];
  /** All findings, in order of file and line. */
  readonly findings: readonly Finding[];
  readonly files: number;
  /** The lines of files with findings, for snippets. */
  readonly source: SourceLines;
}

/** A command line is its user's own machine: a stream of 100,000 objects must pass. */
const LIMITS: YamlLimits = { ...DEFAULT_RENDER_LIMITS, maxDocuments: 200_000 };
const UNKNOWN_KIND = "schema/unknown-kind";
/** Above this no manifest is written by hand or by a generator. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** @throws InputError when a path cannot be read */
export async function validatePaths(
  paths: readonly string[],
  options: ValidateOptions = {},
): Promise<ValidationReport> {
  const reading = new Reading(options);
  for await (const file of inputFiles(paths, {
    ...options,
    onFinding: reading.leaveOut,
    onRendered: reading.takeRendered,
  }))
    reading.read(file.name, file.bytes, file.named);
  return reading.report();
}

class Reading {
  readonly #options: ValidateOptions;
  readonly #manifests: Manifest[] = [];
  /** Of folders that a tool rendered, which looked for duplicates itself. */
  readonly #rendered: Manifest[] = [];
  readonly #findings: Finding[] = [];
  readonly #files: string[] = [];
  readonly #generated = new Set<string>();
  readonly #source = new SourceLines();

  constructor(options: ValidateOptions) {
    this.#options = options;
  }

  /** A folder whose files are rendered by a tool, which may add what they refer to. */
  readonly leaveOut = (finding: Finding): void => {
    this.#generated.add(dirname(finding.file));
    this.#findings.push(finding);
  };

  readonly takeRendered = ({ manifests, findings }: RenderedInput): void => {
    const places = [...manifests.map(({ origin }) => origin), ...findings];
    this.#files.push(...new Set(places.map(({ file }) => file)));
    this.#rendered.push(...manifests);
    this.#findings.push(...findings);
  };

  read(name: string, bytes: Uint8Array, named: boolean): void {
    this.#files.push(name);
    if (name === STDIN) this.#source.add(name, bytes);
    if (bytes.length > MAX_FILE_BYTES) {
      this.#findings.push(tooLarge(name));
      return;
    }
    const file = readManifestFile(bytes, LIMITS);
    this.#manifests.push(...manifestsOf(file, name));
    for (const finding of findingsOf(file, name)) {
      // Who names a file means it to be manifests.
      const meant = named && finding.rule === "manifest/not-kubernetes";
      this.#findings.push(meant ? { ...finding, severity: "error" } : finding);
    }
  }

  async report(): Promise<ValidationReport> {
    const { ignoreMissingSchemas = false, strict = false, check, ...checks } = this.#options;
    this.#checkDuplicates();
    this.#manifests.push(...this.#rendered);
    const jsonSchemas = await this.#loadSchemas(strict);
    const unknownKinds = ignoreMissingSchemas ? "warning" : "error";
    this.#findings.push(
      ...checkManifests(this.#manifests, { ...checks, unknownKinds, jsonSchemas }),
    );
    this.#findings.push(...((await check?.(this.#manifests)) ?? []));
    const found = this.#findings
      .filter((finding) => !this.#mayBeGenerated(finding))
      .map((finding) => judge(finding, { ignoreMissingSchemas, strict }))
      .sort(compareFindings);
    const findings = withoutEchoes(found);
    await this.#source.load(new Set(findings.map((finding) => finding.file)));
    return {
      resources: resourcesOf(this.#files, this.#manifests, found),
      findings,
      files: new Set(this.#files).size,
      source: this.#source,
    };
  }

  #loadSchemas(strict: boolean): Promise<Map<string, JsonSchemaCheck>> {
    const { schemaLocations = [], kubernetesVersion = DEFAULT_KUBERNETES_VERSION } = this.#options;
    const kinds = new Map<string, KindRef>();
    for (const { object } of this.#manifests)
      if (!isBuiltinGroup(object.apiVersion)) kinds.set(kindKey(object), object);
    const wanted = schemaLocations.length === 0 ? [] : [...kinds.values()];
    return loadJsonSchemas(wanted, { locations: schemaLocations, kubernetesVersion, strict });
  }

  #mayBeGenerated({ rule, file }: Finding): boolean {
    return rule.startsWith("references/") && this.#generated.has(dirname(file));
  }

  /** Folders of a repository may hold the same object for different places; one folder may not. */
  #checkDuplicates(): void {
    const byFolder = new Map<string, Manifest[]>();
    for (const manifest of this.#manifests)
      listIn(byFolder, dirname(manifest.origin.file)).push(manifest);
    for (const manifests of byFolder.values())
      this.#findings.push(...withoutDuplicates(manifests).findings);
  }
}

/** A base may be part of several folders: what is wrong with it is said once. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const said = new Map<string, Finding>();
  for (const finding of findings) {
    const { file, line, column, rule, message } = finding;
    const key = JSON.stringify([file, line, column, rule, message]);
    if (!said.has(key)) said.set(key, finding);
  }
  return [...said.values()];
}

function judge(
  finding: Finding,
  { ignoreMissingSchemas, strict }: { ignoreMissingSchemas: boolean; strict: boolean },
): Finding {
  if (finding.severity !== "warning") return finding;
  if (ignoreMissingSchemas && finding.rule === UNKNOWN_KIND)
    return { ...finding, severity: "info" };
  return strict ? { ...finding, severity: "error" } : finding;
}

function resourcesOf(
  files: readonly string[],
  manifests: readonly Manifest[],
  findings: readonly Finding[],
): ValidatedResource[] {
  const ofObject = new Map<string, Finding[]>();
  const ofFile = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { file, object } = finding;
    if (object === undefined) listIn(ofFile, file).push(finding);
    else listIn(ofObject, identity(file, object)).push(finding);
  }
  const byFile = new Map<string, ValidatedResource[]>();
  for (const manifest of manifests) {
    const { file } = manifest.origin;
    const object = findingObject(manifest.object);
    const own = ofObject.get(identity(file, object)) ?? [];
    listIn(byFile, file).push({ file, object, status: statusOf(own), findings: own });
  }
  for (const [file, own] of ofFile)
    if (own.some(({ severity }) => severity === "error"))
      listIn(byFile, file).push({ file, object: undefined, status: "error", findings: own });
  return [...new Set(files)].flatMap((file) => byFile.get(file) ?? []);
}

function listIn<T>(map: Map<string, T[]>, key: string): T[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const list: T[] = [];
  map.set(key, list);
  return list;
}

function statusOf(findings: readonly Finding[]): ValidatedResource["status"] {
  const unknown = findings.find(({ rule }) => rule === UNKNOWN_KIND);
  if (unknown !== undefined) return unknown.severity === "error" ? "error" : "skipped";
  return findings.some(({ severity }) => severity === "error") ? "invalid" : "valid";
}

function identity(file: string, { apiVersion, kind, namespace, name }: FindingObject): string {
  return [file, apiVersion, kind, namespace ?? "", name].join("\0");
}

function tooLarge(file: string): Finding {
  return {
    severity: "error",
    rule: "file/too-large",
    message: `the file is larger than ${MAX_FILE_BYTES} bytes`,
    file,
    line: 1,
    column: 1,
    suggestion: "Split it",
  };
}
