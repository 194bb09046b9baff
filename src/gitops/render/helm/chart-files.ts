/**
 * The files of a chart, and of the charts that it depends on: exactly what Helm gets to see. Helm may
 * not download, so what is missing is told before it runs.
 */
import type { Finding, Position } from "../../check/finding.ts";
import { isObject, type UnknownObject } from "../../../kube/json-object.ts";
import type { Tree, TreeEntry } from "../../source/source.ts";
import { SourceError } from "../../source/source-error.ts";
import { followPath, joinPath, MAX_PATH_DEPTH } from "../../source/tree-path.ts";
import { type Footmark, footmark } from "../footprint.ts";
import { resolveReference } from "../reference-path.ts";
import { CHART_FILE } from "../source-type.ts";
import { TooManyFilesError, type VisibleFiles } from "../visible-files.ts";
import { type ConfigDocument, readConfigFile } from "../yaml/config-file.ts";

/** Charts that depend on charts of the same repository; deeper is a circle. */
const MAX_CHART_DEPTH = 8;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Of one chart's texts that are searched for what they use. */
const MAX_SEARCHED_BYTES = 1024 * 1024;
/** Folders that no chart reads, and that may be large. */
const SKIPPED = new Set([".git", "node_modules"]);

export interface Chart {
  /** As Chart.yaml says; it begins the names of templates in messages and output. */
  readonly name: string;
}

export class ChartFiles {
  readonly findings: Finding[] = [];
  readonly footprint: Footmark[] = [];
  readonly #tree: Tree;
  readonly #visible: VisibleFiles;
  readonly #texts: string[] = [];
  #hasArchives = false;

  constructor(tree: Tree, visible: VisibleFiles) {
    this.#tree = tree;
    this.#visible = visible;
  }

  /** Adds the chart of a directory; undefined, with findings, when it is none. */
  async add(directory: string, at: string, depth = 0): Promise<Chart | undefined> {
    this.footprint.push(await footmark(this.#tree, directory));
    const file = joinPath(directory, CHART_FILE);
    const document = await this.#config(file);
    if (document === undefined) return undefined;
    const { name } = document.value;
    if (typeof name !== "string" || name === "")
      return this.#wrong(
        file,
        document.positionOf("name"),
        "name is missing",
        "Give the chart a name",
      );
    if (document.value["type"] === "library" && depth === 0)
      return this.#wrong(
        file,
        document.positionOf("type"),
        "a library chart has nothing to install",
        "Name a chart that depends on it",
        "render/part",
      );
    await this.#directory(directory, at, []);
    await this.#dependencies(directory, at, { file, document }, depth);
    return { name };
  }

  /**
   * Whether a template may ask for this: then it is part of what the output depends on. What cannot be
   * looked into may.
   */
  async mayUse(word: RegExp): Promise<boolean> {
    if (this.#hasArchives) return true;
    for (const blobId of this.#texts) {
      try {
        const bytes = await this.#tree.blob(blobId, { maxBytes: MAX_SEARCHED_BYTES });
        if (word.test(Buffer.from(bytes).toString("latin1"))) return true;
      } catch (error) {
        if (!(error instanceof SourceError) || error.code !== "too-large") throw error;
        return true;
      }
    }
    return false;
  }

  async #directory(directory: string, at: string, above: readonly string[]): Promise<void> {
    if (above.includes(directory) || above.length > MAX_PATH_DEPTH)
      throw new TooManyFilesError(`${directory} goes in circles`);
    for (const entry of await this.#tree.entries(directory)) {
      if (SKIPPED.has(entry.name)) continue;
      const path = joinPath(directory, entry.name);
      await this.#entry(entry, path, `${at}/${entry.name}`, [...above, directory]);
    }
  }

  async #entry(
    entry: TreeEntry,
    path: string,
    at: string,
    above: readonly string[],
  ): Promise<void> {
    switch (entry.kind) {
      case "directory":
        return this.#directory(path, at, above);
      case "file":
        return this.#file(path, entry.id, at);
      case "symlink":
        return this.#symlink(path, at, above);
      case "submodule":
        this.#wrong(
          path,
          { line: 1, column: 1 },
          "this is a Git submodule, which is not fetched",
          "Set submodules: true on the source, or commit its files",
        );
        return;
      default:
        return entry.kind satisfies never;
    }
  }

  #file(path: string, blobId: string, at: string): void {
    this.#visible.add(at, { tree: this.#tree, blobId, from: path });
    if (/\.(?:tgz|tar\.gz)$/.test(path)) this.#hasArchives = true;
    else if (/(?:^|\/)templates\//.test(path)) this.#texts.push(blobId);
  }

  /** What a link leads to stands in its place: Helm sees no links. */
  async #symlink(path: string, at: string, above: readonly string[]): Promise<void> {
    const found = await followPath(this.#tree, path);
    if (found.outcome !== "found") {
      const why = {
        escapes: "points out of the repository",
        missing: "points to nothing",
        loop: "goes in circles",
      }[found.outcome];
      this.#wrong(
        path,
        { line: 1, column: 1 },
        `the symlink ${why}`,
        "Commit the file itself, or link to one inside the repository",
        found.outcome === "escapes" ? "file/symlink-escapes" : "file/symlink-broken",
      );
      return;
    }
    // It depends on more than its own directory.
    this.footprint.push(await footmark(this.#tree, ""));
    if (found.entry === "root") return this.#directory("", at, above);
    return this.#entry(found.entry, found.path, at, above);
  }

  async #dependencies(
    directory: string,
    at: string,
    chart: { readonly file: string; readonly document: ConfigDocument },
    depth: number,
  ): Promise<void> {
    // Charts of the first format keep them in a file of their own.
    const old = joinPath(directory, "requirements.yaml");
    const hasOld = (await this.#tree.entry(old)) !== undefined;
    const document = hasOld ? await this.#config(old) : chart.document;
    const file = hasOld ? old : chart.file;
    const listed = document?.value["dependencies"];
    if (document === undefined || !Array.isArray(listed)) return;
    const vendored = await this.#vendored(directory);
    for (const [index, item] of listed.entries()) {
      if (!isObject(item)) continue;
      const { name, repository } = item;
      if (typeof name !== "string" || vendored.some((one) => isOf(one, name))) continue;
      const position = document.positionOf(`dependencies[${index}].repository`);
      const local = localPath(item);
      if (local === undefined) {
        this.#wrong(
          file,
          position,
          `the chart ${name}${typeof repository === "string" ? ` of ${withoutPassword(repository)}` : ""} is not in charts/, and rendering has no network`,
          "Run helm dependency update and commit charts/, or make the chart a source of the Application (spec.sources)",
          "render/helm-dependency",
        );
        continue;
      }
      const real = resolveReference(directory, local);
      const found = real === undefined ? undefined : await followPath(this.#tree, real);
      if (
        found?.outcome !== "found" ||
        (found.entry !== "root" && found.entry.kind !== "directory")
      ) {
        this.#wrong(
          file,
          position,
          real === undefined || found?.outcome === "escapes"
            ? `the chart ${name} is outside of the repository: ${JSON.stringify(local)}`
            : `the chart ${name} is not in the repository: there is no folder ${JSON.stringify(local)}`,
          "Correct the path, or commit the chart",
          real === undefined ? "render/path-escapes" : "render/helm-dependency",
        );
        continue;
      }
      if (depth >= MAX_CHART_DEPTH)
        throw new TooManyFilesError(`charts depend on charts more than ${MAX_CHART_DEPTH} deep`);
      await this.add(found.path, `${at}/charts/${name}`, depth + 1);
    }
  }

  async #vendored(directory: string): Promise<readonly string[]> {
    const charts = joinPath(directory, "charts");
    if ((await this.#tree.treeIdOf(charts)) === undefined) return [];
    return (await this.#tree.entries(charts)).map(({ name }) => name);
  }

  async #config(file: string): Promise<ConfigDocument | undefined> {
    const found = await followPath(this.#tree, file);
    if (found.outcome !== "found" || found.entry === "root" || found.entry.kind !== "file")
      return this.#wrong(file, { line: 1, column: 1 }, `there is no ${file}`, "Commit it");
    const bytes = await this.#tree.blob(found.entry.id, { maxBytes: MAX_FILE_BYTES });
    const read = readConfigFile(bytes, file);
    if ("finding" in read) {
      this.findings.push(read.finding);
      return undefined;
    }
    return (
      read.documents[0] ??
      this.#wrong(file, { line: 1, column: 1 }, "the file is empty", "Describe the chart in it")
    );
  }

  #wrong(
    file: string,
    position: Position,
    message: string,
    suggestion: string,
    rule = "render/helm-chart",
  ): undefined {
    this.findings.push({ severity: "error", rule, message, file, ...position, suggestion });
    return undefined;
  }
}

/** `postgresql`, `postgresql-12.1.0.tgz`; a chart whose name only begins so has letters after the dash. */
function isOf(vendored: string, name: string): boolean {
  return (
    vendored === name ||
    (vendored.startsWith(`${name}-`) && /^v?\d/.test(vendored.slice(name.length + 1)))
  );
}

function localPath({ repository }: UnknownObject): string | undefined {
  if (typeof repository !== "string" || !repository.startsWith("file://")) return undefined;
  return repository.slice("file://".length);
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//***@");
}
