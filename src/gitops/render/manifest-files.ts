/** Which files of a directory are manifests: names, filters, symlinks, limits. */
import type { Finding } from "../check/finding.ts";
import type { Tree, TreeEntry } from "../source/source.ts";
import { followPath, joinPath, MAX_PATH_DEPTH, MAX_PATH_LENGTH } from "../source/tree-path.ts";
import { CHART_FILE, KUSTOMIZATION_FILES } from "./source-type.ts";

export interface FileFilter {
  readonly recurse: boolean;
  /** Of paths relative to the directory. */
  readonly accepts: (relativePath: string) => boolean;
  /** The directory is one of plain manifests, whatever other tools' files are there. */
  readonly isExplicit: boolean;
}

export interface FileLimits {
  /** Manifest files of one directory. */
  readonly maxFiles: number;
  /** Entries that are looked at: bounds trees that refer to themselves a thousand times over. */
  readonly maxEntries: number;
}

export interface FoundFile {
  /** From the root of the tree, as it stands there: the link, not its target. */
  readonly path: string;
  readonly blobId: string;
}

export interface FoundFiles {
  readonly files: readonly FoundFile[];
  readonly findings: readonly Finding[];
  /** False when something that may hold objects was left out. */
  readonly complete: boolean;
  /** A symlink led out of the directory (inside the tree): its id does not stand for all content. */
  readonly leavesDirectory: boolean;
}

const MANIFEST_NAME = /\.(yaml|yml|json)$/;
const KUSTOMIZATION: ReadonlySet<string> = new Set(KUSTOMIZATION_FILES);
const CHART = CHART_FILE;

export async function findManifestFiles(
  tree: Tree,
  directory: string,
  filter: FileFilter,
  limits: FileLimits,
): Promise<FoundFiles> {
  const search = new Search(tree, directory, filter, limits);
  await search.directory(directory, 0);
  return search.result();
}

class Search {
  readonly #tree: Tree;
  readonly #root: string;
  readonly #filter: FileFilter;
  readonly #limits: FileLimits;
  readonly #files: FoundFile[] = [];
  readonly #links: { readonly path: string; readonly target: string; readonly blobId: string }[] =
    [];
  readonly #findings: Finding[] = [];
  #complete = true;
  #entries = 0;
  #stopped = false;

  constructor(tree: Tree, root: string, filter: FileFilter, limits: FileLimits) {
    this.#tree = tree;
    this.#root = root;
    this.#filter = filter;
    this.#limits = limits;
  }

  async directory(path: string, depth: number): Promise<void> {
    if (depth > MAX_PATH_DEPTH)
      return this.#stop(path, `folders nest deeper than ${MAX_PATH_DEPTH}`);
    const entries = await this.#tree.entries(path);
    const isPlain = this.#filter.isExplicit && path === this.#root;
    const generator = isPlain ? undefined : this.#generatorOf(path, entries);
    if (generator !== undefined) return this.#notRendered(path, generator);
    for (const entry of entries) {
      if (this.#stopped) return;
      if (++this.#entries > this.#limits.maxEntries)
        return this.#stop(path, `there are more than ${this.#limits.maxEntries} files`);
      await this.#entry(joinPath(path, entry.name), entry, depth);
    }
  }

  async #entry(path: string, entry: TreeEntry, depth: number): Promise<void> {
    if (path.length > MAX_PATH_LENGTH) return this.#stop(path, "a path is too long");
    switch (entry.kind) {
      case "directory":
        // `.github`, `.argocd`, …: configuration of tools, not of the cluster.
        if (this.#filter.recurse && !entry.name.startsWith("."))
          await this.directory(path, depth + 1);
        return;
      case "file":
        if (this.#isWanted(path, entry.name)) this.#add({ path, blobId: entry.id });
        return;
      case "symlink":
        return this.#symlink(path, entry.name);
      case "submodule":
        if (this.#filter.recurse || this.#isWanted(path, entry.name)) this.#submodule(path);
        return;
      default:
        return entry.kind satisfies never;
    }
  }

  #isWanted(path: string, name: string): boolean {
    if (KUSTOMIZATION.has(name) || name === CHART) return false;
    return MANIFEST_NAME.test(name) && this.#filter.accepts(this.#relative(path));
  }

  #add(file: FoundFile): void {
    if (this.#files.length >= this.#limits.maxFiles)
      return this.#stop(file.path, `there are more than ${this.#limits.maxFiles} manifest files`);
    this.#files.push(file);
  }

  /** Links to files are read; links to folders are not, because they may go in circles. */
  async #symlink(path: string, name: string): Promise<void> {
    const followed = await followPath(this.#tree, path);
    const isManifest = this.#isWanted(path, name);
    if (followed.outcome === "escapes") {
      if (!isManifest && !this.#filter.recurse) return;
      return this.#broken(path, "file/symlink-escapes", {
        message: `the symlink points out of the repository, to ${JSON.stringify(followed.target)}`,
        suggestion: "Commit the file itself, or link to one inside the repository",
        // A link that is no manifest by its name may be a folder of them.
        severity: isManifest ? "error" : "warning",
      });
    }
    if (followed.outcome !== "found") {
      if (!isManifest) return;
      const why = followed.outcome === "loop" ? "goes in circles" : "points to nothing";
      return this.#broken(path, "file/symlink-broken", {
        message: `the symlink ${why}`,
        suggestion: "Remove or correct the link",
        severity: "error",
      });
    }
    if (followed.entry !== "root" && followed.entry.kind === "file") {
      if (isManifest) this.#links.push({ path, target: followed.path, blobId: followed.entry.id });
      return;
    }
    if (this.#filter.recurse && !name.startsWith("."))
      this.#broken(path, "file/symlink-directory", {
        message: "the symlink leads to a folder, which is not followed",
        suggestion:
          "Name the folder itself in the path, or keep the link out with directory.exclude",
        severity: "warning",
      });
  }

  /** The tool that must run to make manifests of a folder. */
  #generatorOf(path: string, entries: readonly TreeEntry[]): "Kustomize" | "Helm" | undefined {
    const accepted = (entry: TreeEntry): boolean =>
      entry.kind !== "directory" &&
      this.#filter.accepts(this.#relative(joinPath(path, entry.name)));
    if (entries.some((entry) => KUSTOMIZATION.has(entry.name) && accepted(entry)))
      return "Kustomize";
    return entries.some((entry) => entry.name === CHART && accepted(entry)) ? "Helm" : undefined;
  }

  #notRendered(path: string, tool: "Kustomize" | "Helm"): void {
    const file = tool === "Kustomize" ? "kustomization.yaml" : CHART;
    this.#broken(joinPath(path, file), tool === "Kustomize" ? "render/kustomize" : "render/helm", {
      message: `${path === "" ? "the root folder" : path} is for ${tool}, in a folder of plain manifests: its files are left out`,
      suggestion: `Name it in the path of a source of its own, which ${tool} then renders, or keep it out with directory.exclude`,
      severity: path === this.#root ? "error" : "warning",
    });
  }

  #submodule(path: string): void {
    this.#broken(path, "file/submodule", {
      message: "this is a Git submodule, which is not fetched",
      suggestion: "Make the other repository an Application of its own, or commit its files here",
      severity: "warning",
    });
  }

  #broken(
    file: string,
    rule: string,
    details: Pick<Finding, "message" | "severity"> & { suggestion: string },
  ): void {
    this.#complete = false;
    this.#findings.push({ ...details, rule, file, line: 1, column: 1 });
  }

  #stop(file: string, message: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#broken(file === "" ? "." : file, "file/too-many", {
      message,
      suggestion: "Name a folder further down, or split the repository into several Applications",
      severity: "error",
    });
  }

  #relative(path: string): string {
    return this.#root === "" ? path : path.slice(this.#root.length + 1);
  }

  result(): FoundFiles {
    // A link to a file that is rendered anyway says nothing new.
    const own = new Set(this.#files.map((file) => file.path));
    const linked = this.#links.filter(({ target }) => !own.has(target));
    const inside = (target: string): boolean =>
      this.#root === "" || target.startsWith(`${this.#root}/`);
    return {
      files: [...this.#files, ...linked.map(({ path, blobId }) => ({ path, blobId }))].sort(
        (a, b) => (a.path < b.path ? -1 : 1),
      ),
      findings: this.#findings,
      complete: this.#complete,
      leavesDirectory: linked.some(({ target }) => !inside(target)),
    };
  }
}
