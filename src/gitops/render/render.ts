/**
 * From a tree to manifests: plain YAML and JSON. Pure but for reading the tree: the same tree gives
 * the same result, and unchanged files are not read again.
 */
import { compareFindings, type Finding } from "../check/finding.ts";
import type { Decryptor } from "../decrypt/decryptor.ts";
import type { Tree } from "../source/source.ts";

import { SourceError } from "../source/source-error.ts";
import { directoryAt, splitPath } from "../source/tree-path.ts";
import { withoutDuplicates } from "./duplicates.ts";
import { readEncryptedFile } from "./encrypted-file.ts";
import { compileGlob, type Glob } from "./glob.ts";
import type { Manifest } from "./manifest.ts";
import { findingsOf, type ManifestFile, manifestsOf } from "./manifest-file.ts";
import { footmark, type Footprint } from "./footprint.ts";
import { type FileFilter, findManifestFiles, type FoundFile } from "./manifest-files.ts";
import { RenderCache } from "./render-cache.ts";
import { DEFAULT_YAML_LIMITS, type YamlLimits } from "./yaml/yaml-document.ts";

export interface RenderLimits extends YamlLimits {
  readonly maxFiles: number;
  readonly maxEntries: number;
  /** The largest manifests that people write are bundles of CustomResourceDefinitions: 2 MiB. */
  readonly maxFileBytes: number;
  /** All files of one directory together. */
  readonly maxTotalBytes: number;
}

export const DEFAULT_RENDER_LIMITS: RenderLimits = {
  ...DEFAULT_YAML_LIMITS,
  maxFiles: 10_000,
  maxEntries: 100_000,
  maxFileBytes: 3 * 1024 * 1024,
  maxTotalBytes: 64 * 1024 * 1024,
};

export interface RenderOptions {
  /** Directory of the tree; symlinks inside the tree are followed. */
  readonly path: string;
  /** Whether folders below are rendered, too. Argo CD's default is no. @default true */
  readonly recurse?: boolean;
  /** Globs of paths relative to `path`; an empty one counts as none. */
  readonly include?: string;
  readonly exclude?: string;
  /** The user said that these are plain manifests, whatever other tools' files are there. */
  readonly isExplicit?: boolean;
  /** For files that are encrypted. @default they are read as they are */
  readonly decryptor?: Decryptor;
  readonly limits?: Partial<RenderLimits>;
}

export interface Rendered {
  /** Equal ids mean equal content: same directory, same options. */
  readonly id: string;
  /** In order of path, document and item; without duplicates. */
  readonly objects: readonly Manifest[];
  readonly findings: readonly Finding[];
  /**
   * False when something could not be read: objects may be missing here that the repository does
   * have, so nothing may be pruned.
   */
  readonly complete: boolean;
  /** What the tree must still have for this to hold. */
  readonly footprint: Footprint;
  /** The same of the other sources whose files were used, by the names that they are referred to. */
  readonly refFootprints?: ReadonlyMap<string, Footprint>;
  /** What the destination serves was asked for, so it may make a difference. @default false */
  readonly usesApiVersions?: boolean;
  /** False when the same input may well give something else, as after a time-out. @default true */
  readonly repeatable?: boolean;
}

/** Files that are asked for at once, so that reading does not wait for parsing. */
const READ_AHEAD = 32;
/** Time given to parsing before other work gets a turn. */
const SLICE_MS = 5;

/** @throws SourceError when the tree cannot be read or has no such directory */
export async function render(
  tree: Tree,
  options: RenderOptions,
  cache: RenderCache = new RenderCache(),
  where = options.path,
): Promise<Rendered> {
  const filter = filterOf(options);
  if ("finding" in filter) return failedRendering(filter.finding, []);
  const limits: RenderLimits = { ...DEFAULT_RENDER_LIMITS, ...options.limits };
  const directory = await directoryAt(tree, options.path, where);
  const found = await findManifestFiles(tree, directory, filter, limits);
  const reading = await readFiles(found.files, {
    tree,
    limits,
    cache,
    decryptor: options.decryptor,
  });
  const { unique, findings: duplicates } = withoutDuplicates(reading.manifests);
  // Links that lead elsewhere make it depend on more than the directory itself.
  const isLinked = found.leavesDirectory || directory !== splitPath(options.path)?.join("/");
  const contentId = found.leavesDirectory ? tree.id : ((await tree.treeIdOf(directory)) ?? tree.id);
  const { recurse, include, exclude } = options;
  return {
    id: JSON.stringify([
      contentId,
      directory,
      recurse ?? true,
      include ?? "",
      exclude ?? "",
      // The keys stand for what was decrypted with them.
      ...(reading.hasEncrypted ? [options.decryptor?.id] : []),
    ]),
    objects: unique,
    findings: [...found.findings, ...reading.findings, ...duplicates].sort(compareFindings),
    complete: found.complete && reading.complete,
    footprint: [await footmark(tree, isLinked ? "" : directory)],
  };
}

interface ReadingOptions {
  readonly tree: Tree;
  readonly limits: RenderLimits;
  readonly cache: RenderCache;
  readonly decryptor: Decryptor | undefined;
}

async function readFiles(
  files: readonly FoundFile[],
  options: ReadingOptions,
): Promise<FileReading> {
  const reading = new FileReading(options);
  for (let at = 0; at < files.length; at += READ_AHEAD) {
    const batch = files.slice(at, at + READ_AHEAD);
    if (!(await reading.readBatch(batch))) break;
  }
  return reading;
}

class FileReading {
  readonly manifests: Manifest[] = [];
  readonly findings: Finding[] = [];
  complete = true;
  /** Whether a file was encrypted, readable or not. */
  hasEncrypted = false;
  readonly #tree: Tree;
  readonly #limits: RenderLimits;
  readonly #cache: RenderCache;
  readonly #decryptor: Decryptor | undefined;
  #totalBytes = 0;
  #sliceEndMs = performance.now() + SLICE_MS;

  constructor({ tree, limits, cache, decryptor }: ReadingOptions) {
    this.#tree = tree;
    this.#limits = limits;
    this.#cache = cache;
    this.#decryptor = decryptor;
  }

  /** Returns false when the limit of all files together is reached. */
  async readBatch(files: readonly FoundFile[]): Promise<boolean> {
    const loading = files.map((file) => this.#load(file));
    // The first failure ends the batch; those behind it have been heard of, too.
    for (const load of loading) load.catch(() => undefined);
    for (const [at, { path, blobId }] of files.entries()) {
      const loaded = await loading[at];
      if (loaded === undefined) continue;
      const file = loaded instanceof Uint8Array ? await this.#parse(blobId, loaded) : loaded;
      if (file === "too-large") {
        this.#tooLarge(path, `the file is larger than ${this.#limits.maxFileBytes} bytes`);
        continue;
      }
      this.#totalBytes += file.sourceBytes;
      if (this.#totalBytes > this.#limits.maxTotalBytes) {
        this.#tooLarge(
          path,
          `the files up to here are larger than ${this.#limits.maxTotalBytes} bytes together`,
        );
        return false;
      }
      this.complete &&= file.complete;
      this.manifests.push(...manifestsOf(file, path));
      this.findings.push(...findingsOf(file, path));
    }
    return true;
  }

  /** What is known of a blob, else its bytes. */
  async #load({ path, blobId }: FoundFile): Promise<ManifestFile | Uint8Array | "too-large"> {
    const known = this.#cache.get(blobId);
    if (known !== undefined) return known;
    try {
      const bytes = await this.#tree.blob(blobId, { maxBytes: this.#limits.maxFileBytes });
      const file = await readEncryptedFile(path, bytes, this.#decryptor, this.#limits);
      this.hasEncrypted ||= file !== undefined;
      return file ?? bytes;
    } catch (error) {
      if (error instanceof SourceError && error.code === "too-large") return "too-large";
      throw error;
    }
  }

  async #parse(blobId: string, bytes: Uint8Array): Promise<ManifestFile> {
    if (performance.now() > this.#sliceEndMs) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#sliceEndMs = performance.now() + SLICE_MS;
    }
    // The same content may stand twice in one batch.
    return this.#cache.get(blobId) ?? this.#cache.read(blobId, bytes, this.#limits);
  }

  #tooLarge(file: string, message: string): void {
    this.complete = false;
    this.findings.push({
      severity: "error",
      rule: "file/too-large",
      message,
      file,
      line: 1,
      column: 1,
      suggestion: "Split it, or keep it out with directory.exclude",
    });
  }
}

function filterOf(options: RenderOptions): FileFilter | { readonly finding: Finding } {
  const include = globOf(options.include);
  const exclude = globOf(options.exclude);
  if (include === "malformed") return { finding: malformedGlob("include", options.include ?? "") };
  if (exclude === "malformed") return { finding: malformedGlob("exclude", options.exclude ?? "") };
  return {
    recurse: options.recurse ?? true,
    isExplicit: options.isExplicit ?? false,
    accepts: (path) => exclude?.(path) !== true && include?.(path) !== false,
  };
}

function globOf(pattern: string | undefined): Glob | "malformed" | undefined {
  if (pattern === undefined || pattern === "") return undefined;
  return compileGlob(pattern) ?? "malformed";
}

function malformedGlob(field: string, pattern: string): Finding {
  return {
    severity: "error",
    rule: "render/malformed-glob",
    message: `directory.${field} is not a valid pattern: ${JSON.stringify(pattern)}`,
    file: ".",
    line: 1,
    column: 1,
    suggestion: "Close every { and [; several patterns are written {a,b}",
  };
}

/** Nothing was rendered, and why. */
export function failedRendering(finding: Finding, footprint: Footprint): Rendered {
  return {
    id: JSON.stringify(["failed", finding]),
    objects: [],
    findings: [finding],
    complete: false,
    footprint,
  };
}
