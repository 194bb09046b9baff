/**
 * Raw access to Git objects, and how their bytes are read. Readers: `cat-file-objects.ts` (the git
 * binary, fast) and `isomorphic-objects.ts` (anywhere); one conformance suite.
 */
import type { Author, CommitInfo, EntryKind, TreeEntry } from "./source.ts";
import { SourceError } from "./source-error.ts";

export type GitObjectType = "commit" | "tree" | "blob" | "tag";

export interface GitObject {
  readonly type: GitObjectType;
  readonly bytes: Buffer;
}

export interface GitObjectReader {
  /**
   * Reads one object by its full id.
   * @throws SourceError `object-missing`, `too-large` (above `maxBytes`) or `corrupt`
   */
  read(id: string, maxBytes: number): Promise<GitObject>;
  /** Forgets what was cached about packs: call when packs were added or removed by this process. */
  refresh(): void;
  close(): Promise<void>;
}

export const OBJECT_ID = /^[0-9a-f]{40}$/;

/** A directory of some 100,000 entries; larger ones are attacks or mistakes. */
export const MAX_TREE_BYTES = 8 * 1024 * 1024;
/** Commit and tag messages of more than this are not written by people. */
export const MAX_COMMIT_BYTES = 1024 * 1024;

const ENTRY_KINDS: ReadonlyMap<string, EntryKind> = new Map([
  ["40000", "directory"],
  ["040000", "directory"],
  ["120000", "symlink"],
  ["160000", "submodule"],
]);

const SPACE = 0x20;
const ID_BYTES = 20;

/**
 * The entries of a tree object.
 * @throws SourceError `corrupt` for what no checkout could hold: `..`, `.git`, slashes, NUL, cut short
 */
export function parseTree(id: string, bytes: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(SPACE, at);
    const nul = space < 0 ? -1 : bytes.indexOf(0, space);
    if (nul < 0 || nul + 1 + ID_BYTES > bytes.length) throw badTree(id, "it is cut short");
    const mode = bytes.toString("latin1", at, space);
    const name = bytes.toString("utf8", space + 1, nul);
    if (!isPlainName(name)) throw badTree(id, `it has an entry named ${JSON.stringify(name)}`);
    at = nul + 1 + ID_BYTES;
    entries.push({
      name,
      kind: ENTRY_KINDS.get(mode) ?? "file",
      id: bytes.toString("hex", nul + 1, at),
      executable: mode === "100755",
    });
  }
  return entries;
}

/** Whether a name stays inside its directory: what `git fsck` demands, too. */
function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && name !== ".git" && !name.includes("/");
}

export interface ParsedCommit extends CommitInfo {
  readonly treeId: string;
  /** Of the committer: what `git log --since` goes by. */
  readonly committedMs: number;
}

/** Identity, tree and subject of a commit object. */
export function parseCommit(id: string, bytes: Buffer): ParsedCommit {
  const text = bytes.toString("utf8");
  const headerEnd = text.indexOf("\n\n");
  const headers = (headerEnd < 0 ? text : text.slice(0, headerEnd)).split("\n");
  const message = headerEnd < 0 ? "" : text.slice(headerEnd + 2);
  const treeId = headerOf(headers, "tree");
  if (treeId === undefined || !OBJECT_ID.test(treeId))
    throw corrupt(`commit ${id}`, "it names no tree");
  return {
    id,
    treeId,
    parents: headers.filter((line) => line.startsWith("parent ")).map((line) => line.slice(7)),
    ...parseSignature(headerOf(headers, "author") ?? ""),
    committedMs: parseSignature(headerOf(headers, "committer") ?? "").dateMs,
    subject: message.trimStart().split("\n", 1)[0]?.trimEnd() ?? "",
  };
}

/** What an annotated tag points to. */
export function parseTag(id: string, bytes: Buffer): { targetId: string } {
  const targetId = headerOf(bytes.toString("utf8").split("\n"), "object");
  if (targetId === undefined || !OBJECT_ID.test(targetId))
    throw corrupt(`tag ${id}`, "it points nowhere");
  return { targetId };
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  return headers.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
}

/** `Ada <ada@example.com> 1700000000 +0100` */
function parseSignature(text: string): { author: Author; dateMs: number } {
  const match = /^(.*?) ?<([^>]*)> ?(\d{1,15})?/.exec(text);
  return {
    author: { name: match?.[1] ?? "", email: match?.[2] ?? "" },
    dateMs: Number(match?.[3] ?? 0) * 1000,
  };
}

function badTree(id: string, why: string): SourceError {
  return corrupt(`tree ${id}`, why);
}

function corrupt(where: string, why: string): SourceError {
  return new SourceError("corrupt", {
    what: `a Git object is malformed: ${why}`,
    where,
    advice: "Run `git fsck` in the repository and push a repaired history.",
  });
}
