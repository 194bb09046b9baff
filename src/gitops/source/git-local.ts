/**
 * A repository on this machine, bare or with a work tree: objects are read where they are, nothing
 * is copied. Of a work tree only what is committed counts.
 */
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CatFileObjects } from "./cat-file-objects.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { OBJECT_ID } from "./git-objects.ts";
import { hasGitBinary } from "./git-program.ts";
import { GitRepository } from "./git-repository.ts";
import { IsomorphicObjects } from "./isomorphic-objects.ts";
import { type GitDirs, resolveLocalRef } from "./local-refs.ts";
import { revisionNotFound } from "./ref-name.ts";
import type { Commit, CommitInfo, Source } from "./source.ts";
import { SourceError } from "./source-error.ts";
import { watchFiles } from "./watch-files.ts";

/** Finds the repository at a path; undefined when there is none, so that it is a plain folder. */
export async function findGitDirs(path: string): Promise<GitDirs | undefined> {
  for (const candidate of [join(path, ".git"), path]) {
    const gitDir = await gitDirAt(candidate);
    if (gitDir === undefined) continue;
    const common = await readFile(join(gitDir, "commondir"), "utf8").catch(() => ".");
    return { gitDir, commonDir: resolve(gitDir, common.trim()) };
  }
  return undefined;
}

async function gitDirAt(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) {
    const target = /^gitdir: (.+)$/m.exec(await readFile(path, "utf8").catch(() => ""))?.[1];
    return target === undefined ? undefined : resolve(path, "..", target.trim());
  }
  if (found?.isDirectory() !== true) return undefined;
  const head = await stat(join(path, "HEAD")).catch(() => undefined);
  const objects = await stat(join(path, "objects")).catch(() => undefined);
  const linked = await stat(join(path, "commondir")).catch(() => undefined);
  const isGitDir =
    head?.isFile() === true && (objects?.isDirectory() === true || linked !== undefined);
  return isGitDir ? path : undefined;
}

export interface GitLocalOptions {
  /** As the user wrote it, made absolute: shown in errors. */
  readonly path: string;
  readonly dirs: GitDirs;
  /** Whether the git binary may be used. @default whether there is one */
  readonly gitBinary?: boolean;
}

export class GitLocalSource implements Source {
  readonly kind = "git-local";
  readonly where: string;
  readonly #dirs: GitDirs;
  readonly #repository: GitRepository;
  readonly #listeners: ChangeListeners;
  readonly #closeObjects: () => Promise<void>;

  /** @throws SourceError `unsupported` for object or ref formats that are not read */
  static async open(options: GitLocalOptions): Promise<GitLocalSource> {
    await refuseNewFormats(options);
    const useBinary = options.gitBinary ?? (await hasGitBinary());
    return new GitLocalSource(options, useBinary);
  }

  private constructor({ path, dirs }: GitLocalOptions, useBinary: boolean) {
    this.where = path;
    this.#dirs = dirs;
    const Reader = useBinary ? CatFileObjects : IsomorphicObjects;
    const objects = new Reader(dirs.commonDir, path);
    this.#closeObjects = () => objects.close();
    this.#repository = new GitRepository(path, objects);
    this.#listeners = new ChangeListeners(() => this.#watch());
  }

  async resolve(revision: string): Promise<Commit> {
    const { id, ref } = await resolveLocalRef(this.#dirs, revision, this.where);
    if (OBJECT_ID.test(revision) && !(await this.#repository.has(id)))
      throw revisionNotFound(revision, [], this.where);
    return this.#repository.resolved(id, ref);
  }

  async history(commitId: string, limit: number): Promise<readonly CommitInfo[]> {
    return (await this.#repository.history(commitId, limit)).commits;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Git replaces refs by renaming `<ref>.lock`, so the directories are watched, not the files. */
  #watch(): () => Promise<void> {
    const { gitDir, commonDir } = this.#dirs;
    const paths = [join(gitDir, "HEAD"), join(commonDir, "packed-refs"), join(commonDir, "refs")];
    const watch = watchFiles(paths, this.#listeners.notify, (path) => path.endsWith(".lock"));
    return () => watch.close();
  }

  async close(): Promise<void> {
    await this.#listeners.close();
    await this.#closeObjects();
  }
}

async function refuseNewFormats({ path, dirs }: GitLocalOptions): Promise<void> {
  const config = await readFile(join(dirs.commonDir, "config"), "utf8").catch(() => "");
  const extension = /^\s*(objectformat\s*=\s*sha256|refstorage\s*=\s*reftable)/im.exec(config)?.[1];
  if (extension === undefined) return;
  throw new SourceError("unsupported", {
    what: `the repository uses ${extension.replace(/\s+/g, " ")}`,
    where: path,
    advice: "Use a repository with SHA-1 objects and file refs (git's default).",
  });
}
