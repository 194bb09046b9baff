/** The refs of a repository on this machine, read as git stores them: loose files, packed-refs. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { OBJECT_ID } from "./git-objects.ts";
import {
  emptyRepository,
  findRef,
  isHead,
  isSafeRefName,
  refCandidates,
  type ResolvedRef,
  revisionNotFound,
} from "./ref-name.ts";
import { SourceError, systemErrorCode } from "./source-error.ts";

/** Directories of one repository; they differ only in linked work trees. */
export interface GitDirs {
  /** Holds HEAD. */
  readonly gitDir: string;
  /** Holds refs and objects. */
  readonly commonDir: string;
}

/** A symbolic ref that names a symbolic ref …: git stops at five. */
const MAX_SYMREF_HOPS = 5;
/** Loose refs that are looked through for a range of versions, or a suggestion. */
const MAX_LISTED_REFS = 10_000;
/** 100 MB of packed refs is a million of them. */
const MAX_PACKED_REFS_BYTES = 100 * 1024 * 1024;

/** @throws SourceError `revision-not-found` or `empty-repository` */
export async function resolveLocalRef(
  dirs: GitDirs,
  revision: string,
  where: string,
): Promise<ResolvedRef> {
  if (OBJECT_ID.test(revision)) return { id: revision, ref: undefined };
  if (isHead(revision)) {
    const head = await readRef(dirs, "HEAD");
    if (head.id !== undefined) return { id: head.id, ref: head.name };
  } else if (isSafeRefName(revision)) {
    for (const candidate of refCandidates(revision)) {
      const { id } = await readRef(dirs, candidate);
      if (id !== undefined) return { id, ref: candidate };
    }
  }
  const known = await listRefs(dirs);
  const ids = new Map(known.map((ref) => [ref, ref]));
  // Only a range of versions can still be meant; its tag is then read like any other.
  const found = findRef(revision, { headId: undefined, headRef: undefined, ids });
  if (found?.ref !== undefined) {
    const { id } = await readRef(dirs, found.ref);
    if (id !== undefined) return { id, ref: found.ref };
  }
  throw known.length === 0 ? emptyRepository(where) : revisionNotFound(revision, known, where);
}

/** Follows symbolic refs; `name` is the last of them. */
async function readRef(dirs: GitDirs, ref: string): Promise<{ name: string; id?: string }> {
  let name = ref;
  for (let hops = 0; hops <= MAX_SYMREF_HOPS; hops++) {
    const directory = name === "HEAD" ? dirs.gitDir : dirs.commonDir;
    const text = (await readIfPresent(join(directory, name)))?.trim();
    if (text === undefined || text === "") {
      const id = (await packedRefs(dirs)).get(name);
      return id === undefined ? { name } : { name, id };
    }
    if (OBJECT_ID.test(text)) return { name, id: text };
    const target = /^ref: (\S+)$/.exec(text)?.[1];
    if (target === undefined || !isSafeRefName(target)) return { name };
    name = target;
  }
  return { name };
}

async function packedRefs({ commonDir }: GitDirs): Promise<Map<string, string>> {
  const file = join(commonDir, "packed-refs");
  const size = await sizeIfPresent(file);
  if (size > MAX_PACKED_REFS_BYTES)
    throw new SourceError("too-large", {
      what: `packed-refs has ${size} bytes`,
      where: commonDir,
      advice: "Delete refs that nobody needs.",
    });
  const refs = new Map<string, string>();
  for (const line of ((await readIfPresent(file)) ?? "").split("\n")) {
    const match = /^([0-9a-f]{40}) (\S+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return refs;
}

async function listRefs(dirs: GitDirs): Promise<string[]> {
  const names = new Set((await packedRefs(dirs)).keys());
  for (const root of ["refs/heads", "refs/tags"]) {
    const files = await readdir(join(dirs.commonDir, root), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => []);
    for (const file of files.slice(0, MAX_LISTED_REFS)) {
      if (!file.isFile() || file.name.endsWith(".lock")) continue;
      const path = join(file.parentPath, file.name).slice(dirs.commonDir.length + 1);
      names.add(path.replaceAll("\\", "/"));
    }
  }
  return [...names];
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR") return undefined;
    throw localIoError(path, error);
  }
}

async function sizeIfPresent(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

export function localIoError(path: string, cause: unknown): SourceError {
  return new SourceError("local-io", {
    what: `it cannot be read (${systemErrorCode(cause) ?? "unknown error"})`,
    where: path,
    advice: "Check that it exists and that this user may read it.",
    cause,
  });
}
