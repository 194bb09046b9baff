/**
 * Everything that a kustomization reaches, and nothing else: what Kustomize gets to see, what the
 * rendering depends on, and what is wrong before Kustomize has to say it less well.
 */
import type { Finding, Position } from "../../check/finding.ts";
import type { Tree } from "../../source/source.ts";
import { SourceError } from "../../source/source-error.ts";
import { followPath, joinPath } from "../../source/tree-path.ts";
import { type Footmark, partsOf } from "../footprint.ts";
import { findingsOf } from "../manifest-file.ts";
import { looksRemote, parentOf, resolveReference } from "../reference-path.ts";
import type { RenderCache } from "../render-cache.ts";
import { KUSTOMIZATION_FILES } from "../source-type.ts";
import type { VisibleFiles } from "../visible-files.ts";
import { type ConfigDocument, readConfigFile } from "../yaml/config-file.ts";
import {
  type KustomizationContent,
  type KustomizationReference,
  readKustomization,
  readPluginConfig,
} from "./kustomization.ts";

/** Kustomizations of one overlay; the deepest public ones have some dozens. */
const MAX_KUSTOMIZATIONS = 1_000;
const MAX_FILE_BYTES = 3 * 1024 * 1024;

export interface ReachableOptions {
  readonly tree: Tree;
  readonly cache: RenderCache;
  readonly visible: VisibleFiles;
  /** Where the tree is in the sandbox. */
  readonly prefix: string;
}

/** Where a reference is written, for messages. */
interface Mention extends Position {
  readonly file: string;
  readonly field: string;
}

export class ReachableFiles {
  readonly findings: Finding[] = [];
  readonly #options: ReachableOptions;
  /** By path; what it depends on, existing or not. */
  readonly #marks = new Map<string, Footmark>();
  /** Kustomizations that were read, by directory: their file and content. */
  readonly kustomizations = new Map<
    string,
    { readonly file: string; readonly document: ConfigDocument }
  >();

  constructor(options: ReachableOptions) {
    this.#options = options;
  }

  /** A directory with a kustomization, and all that it refers to. */
  async directory(directory: string, from?: Mention): Promise<void> {
    if (this.kustomizations.has(directory)) return;
    if (this.kustomizations.size >= MAX_KUSTOMIZATIONS) {
      this.#report(
        from,
        "render/too-many",
        `there are more than ${MAX_KUSTOMIZATIONS} kustomizations`,
        "Split the overlay",
      );
      return;
    }
    const present: string[] = [];
    for (const name of KUSTOMIZATION_FILES) {
      const path = joinPath(directory, name);
      const entry = await this.#options.tree.entry(path);
      this.#marks.set(path, { path, id: entry?.id });
      if (entry !== undefined && entry.kind !== "directory") present.push(path);
    }
    const [file, second] = present;
    if (file === undefined)
      return this.#report(
        from,
        "render/no-kustomization",
        `${directory === "" ? "the root folder" : directory} has no kustomization.yaml`,
        "Add one that lists its files under resources, or name the files themselves",
      );
    if (second !== undefined)
      return this.#report(
        { file: second, field: "", line: 1, column: 1 },
        "render/kustomization",
        `there is a ${file} as well: only one of them can count`,
        "Remove one of the two",
      );
    const documents = await this.#config(file);
    const document = documents?.[0];
    if (document === undefined) {
      if (documents !== undefined)
        this.#report(
          { file, field: "", line: 1, column: 1 },
          "render/kustomization",
          "the kustomization is empty",
          "List the files of the folder under resources",
        );
      return;
    }
    this.kustomizations.set(directory, { file, document });
    await this.#content(file, document, readKustomization(document.value));
  }

  /** What the Application itself adds to a kustomization: patches and components. */
  async mentioned(
    directory: string,
    reference: KustomizationReference,
    from: Mention,
  ): Promise<string | undefined> {
    return this.#reference(directory, reference, from);
  }

  async #content(
    file: string,
    document: ConfigDocument,
    { references, refusals }: KustomizationContent,
  ): Promise<void> {
    for (const { field, message, suggestion } of refusals)
      this.#report(
        { file, field, ...document.positionOf(field) },
        "render/refused",
        message,
        suggestion,
      );
    for (const reference of references) {
      const { field } = reference;
      const mention: Mention = {
        file,
        field,
        get line() {
          return document.positionOf(field).line;
        },
        get column() {
          return document.positionOf(field).column;
        },
      };
      await this.#reference(parentOf(file), reference, mention);
    }
  }

  /** The real path of what is referred to, once it and all behind it is visible. */
  async #reference(
    directory: string,
    { path, to }: KustomizationReference,
    mention: Mention,
  ): Promise<string | undefined> {
    const wanted = resolveReference(directory, path);
    if (wanted === undefined) {
      this.#refuse(mention, path);
      return undefined;
    }
    const found = await this.#follow(wanted);
    if (found.outcome === "escapes") {
      this.#report(
        mention,
        "file/symlink-escapes",
        `${mention.field} leads over the symlink ${found.link} out of the repository`,
        "Commit the file itself, or link to one inside the repository",
      );
      return undefined;
    }
    if (found.outcome !== "found") {
      if (looksRemote(path)) this.#refuse(mention, path);
      else
        this.#report(
          mention,
          "render/missing-file",
          `${mention.field} names ${JSON.stringify(path)}, which is not in the repository`,
          "Correct the path, or commit the file",
        );
      return undefined;
    }
    if (found.entry === "root" || found.entry.kind === "directory") {
      if (to !== "file") await this.directory(found.path, mention);
      else
        this.#report(
          mention,
          "render/missing-file",
          `${mention.field} names ${JSON.stringify(path)}, which is a folder`,
          "Name a file",
        );
      return found.path;
    }
    if (to === "component")
      this.#report(
        mention,
        "render/no-kustomization",
        `${mention.field} names ${JSON.stringify(path)}, which is a file`,
        "Name the folder of the component",
      );
    this.#add(found.path, found.entry.id);
    if (to === "resource") await this.#resource(found.path, found.entry.id);
    if (to === "config")
      for (const document of (await this.#config(found.path)) ?? [])
        await this.#content(found.path, document, readPluginConfig(document.value));
    return found.path;
  }

  #refuse(mention: Mention, path: string): void {
    const isRemote = looksRemote(path);
    this.#report(
      mention,
      isRemote ? "render/remote" : "render/path-escapes",
      isRemote
        ? `${mention.field} is outside of this repository, and rendering has no network: ${JSON.stringify(clipped(path))}`
        : `${mention.field} leaves the repository: ${JSON.stringify(clipped(path))}`,
      isRemote
        ? "Commit a copy of it, or make it a source of the Application (spec.sources) of its own"
        : "Name a path inside the repository, relative to this file",
    );
  }

  async #follow(path: string): Promise<Awaited<ReturnType<typeof followPath>>> {
    const { tree, visible, prefix } = this.#options;
    const found = await followPath(tree, path, (at, link, target) => {
      this.#marks.set(at, { path: at, id: link.id });
      // Where it leads is known to be inside once the walk is through.
      visible.addLink(`${prefix}${at}`, target);
    });
    if (found.outcome === "missing") this.#marks.set(path, { path, id: undefined });
    return found;
  }

  #add(path: string, blobId: string): void {
    const { tree, visible, prefix } = this.#options;
    visible.add(`${prefix}${path}`, { tree, blobId, from: path });
    this.#marks.set(path, { path, id: blobId });
  }

  /** Mistakes in YAML are told with their place; the rest is for the check of what comes out. */
  async #resource(path: string, blobId: string): Promise<void> {
    const { cache } = this.#options;
    let file = cache.get(blobId);
    if (file === undefined) {
      const bytes = await this.#read(path, blobId);
      if (bytes === undefined) return;
      file = cache.read(blobId, bytes);
    }
    const broken = findingsOf(file, path).filter(
      ({ severity, rule }) => severity === "error" && /^(?:yaml|file)\//.test(rule),
    );
    this.findings.push(...broken);
  }

  async #config(path: string): Promise<readonly ConfigDocument[] | undefined> {
    const found = await this.#follow(path);
    if (found.outcome !== "found" || found.entry === "root") return undefined;
    this.#add(found.path, found.entry.id);
    const bytes = await this.#read(path, found.entry.id);
    if (bytes === undefined) return undefined;
    const read = readConfigFile(bytes, path);
    if ("documents" in read) return read.documents;
    this.findings.push(read.finding);
    return undefined;
  }

  async #read(file: string, blobId: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#options.tree.blob(blobId, { maxBytes: MAX_FILE_BYTES });
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "too-large") throw error;
      this.#report(
        { file, field: "", line: 1, column: 1 },
        "file/too-large",
        `the file is larger than ${MAX_FILE_BYTES} bytes`,
        "Split it",
      );
      return undefined;
    }
  }

  #report(mention: Mention | undefined, rule: string, message: string, suggestion: string): void {
    const { file, line, column } = mention ?? { file: ".", line: 1, column: 1 };
    this.findings.push({ severity: "error", rule, message, file, line, column, suggestion });
  }

  /** By directory, so that an untouched directory is one comparison. */
  async footprint(): Promise<Footmark[]> {
    const byDirectory = new Map<string, Footmark[]>();
    for (const mark of this.#marks.values()) {
      const directory = parentOf(mark.path);
      const marks = byDirectory.get(directory);
      if (marks === undefined) byDirectory.set(directory, [mark]);
      else marks.push(mark);
    }
    return Promise.all(
      [...byDirectory].map(([directory, marks]) => partsOf(this.#options.tree, directory, marks)),
    );
  }
}

function clipped(text: string): string {
  // What stands before an @ may be a password.
  const safe = text.replace(/\/\/[^/@]*@/, "//***@");
  return safe.length > 200 ? `${safe.slice(0, 200)}…` : safe;
}
