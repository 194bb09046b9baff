/** The files that an Application names for Helm: values, and files whose content becomes a value. */
import type { Finding } from "../../check/finding.ts";
import type { Tree } from "../../source/source.ts";
import { followPath, joinPath } from "../../source/tree-path.ts";
import { type Footmark, footmark } from "../footprint.ts";
import { looksRemote, resolveReference } from "../reference-path.ts";
import { CHART_FILE } from "../source-type.ts";
import { REFS, TREE } from "../sandbox-layout.ts";
import type { VisibleFiles } from "../visible-files.ts";
import { readConfigFile } from "../yaml/config-file.ts";

const MAX_FILE_BYTES = 16 * 1024 * 1024;

export interface NamedFilesOptions {
  readonly tree: Tree;
  readonly refs: ReadonlyMap<string, Tree>;
  /** The chart's, which plain paths are relative to. */
  readonly directory: string;
  readonly visible: VisibleFiles;
}

export class NamedFiles {
  readonly findings: Finding[] = [];
  readonly footprint: Footmark[] = [];
  readonly refFootprints = new Map<string, Footmark[]>();
  readonly #options: NamedFilesOptions;

  constructor(options: NamedFilesOptions) {
    this.#options = options;
  }

  /**
   * Makes a file visible: `values-prod.yaml` beside the chart, `/envs/prod.yaml` from the root of the
   * repository, `$name/prod.yaml` of another source.
   * @param field where the Application names it
   * @returns its path in the sandbox; undefined, with a finding unless it may be missing
   */
  async add(
    field: string,
    path: string,
    options: { readonly mayBeMissing?: boolean; readonly isYaml: boolean },
  ): Promise<string | undefined> {
    const target = this.#target(field, path);
    if (target === undefined) return undefined;
    const { tree, real, at, marks } = target;
    const found = await followPath(tree, real, (link, entry) =>
      marks.push({ path: link, id: entry.id }),
    );
    if (found.outcome === "escapes")
      return this.#wrong(
        "file/symlink-escapes",
        `${field} leads over the symlink ${found.link} out of the repository`,
        "Commit the file itself, or link to one inside the repository",
      );
    if (found.outcome !== "found" || found.entry === "root" || found.entry.kind !== "file") {
      marks.push(await footmark(tree, real));
      if (options.mayBeMissing === true && found.outcome === "missing") return undefined;
      return this.#wrong(
        "render/missing-file",
        `${field} names ${JSON.stringify(path)}: there is no file ${real}`,
        "Correct the path, commit the file, or set ignoreMissingValueFiles",
      );
    }
    marks.push({ path: found.path, id: found.entry.id });
    if (options.isYaml) await this.#checkYaml(tree, found.path, found.entry.id);
    this.#options.visible.add(at, { tree, blobId: found.entry.id, from: found.path });
    return at;
  }

  #target(
    field: string,
    path: string,
  ): { tree: Tree; real: string; at: string; marks: Footmark[] } | undefined {
    const { tree, refs, directory } = this.#options;
    const [, name, rest = ""] = /^\$([^/]+)\/(.*)$/s.exec(path) ?? [];
    if (name !== undefined) {
      const other = refs.get(name);
      if (other === undefined)
        return this.#wrong(
          "render/unknown-ref",
          `${field} refers to $${name}, but no source has ref: ${name}`,
          "Give one of the sources this ref",
        );
      const real = resolveReference("", rest);
      if (real === undefined) return this.#leaves(field, path);
      const marks = this.refFootprints.get(name) ?? [];
      this.refFootprints.set(name, marks);
      return { tree: other, real, at: `${REFS}/${encodeURIComponent(name)}/${real}`, marks };
    }
    // As in Argo CD: a leading slash means the root of the repository.
    const real = path.startsWith("/")
      ? resolveReference("", path.slice(1))
      : resolveReference(directory, path);
    if (real === undefined) return this.#leaves(field, path);
    return { tree, real, at: `${TREE}/${real}`, marks: this.footprint };
  }

  #leaves(field: string, path: string): undefined {
    const isRemote = looksRemote(path);
    return this.#wrong(
      isRemote ? "render/remote" : "render/path-escapes",
      isRemote
        ? `${field} is outside of this repository, and rendering has no network: ${JSON.stringify(path.replace(/\/\/[^/@]*@/, "//***@").slice(0, 200))}`
        : `${field} leaves the repository: ${JSON.stringify(path.slice(0, 200))}`,
      "Commit the file, or name one of another source as $ref/path",
    );
  }

  /** Helm says that a file is no YAML, but not where. */
  async #checkYaml(tree: Tree, path: string, blobId: string): Promise<void> {
    const bytes = await tree.blob(blobId, { maxBytes: MAX_FILE_BYTES });
    const read = readConfigFile(bytes, path);
    if ("finding" in read) this.findings.push(read.finding);
  }

  #wrong(rule: string, message: string, suggestion: string): undefined {
    const file = joinPath(this.#options.directory, CHART_FILE);
    this.findings.push({ severity: "error", rule, message, file, line: 1, column: 1, suggestion });
    return undefined;
  }
}
