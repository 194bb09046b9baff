/**
 * What the rest of the pipeline sees of a repository: revisions become commits, commits have
 * lazily read trees. Implementations: `git-remote`, `git-local`, `folder`; one conformance suite.
 */

/** The credential of one request. Neither logged nor kept on disk. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "ssh-key"; readonly privateKey: string; readonly passphrase?: string };

/** How a repository's server is reached; of one repository, never used for another's. */
export interface ConnectionOptions {
  /** PEM certificates that are trusted besides the system's. */
  readonly ca?: string;
  /** PEM certificate and key that the client shows (mTLS). */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** Accepts any certificate and any SSH host key, as in Argo CD. */
  readonly insecure?: boolean;
  /** `http://[user:password@]host:port`; see `proxyFor`. */
  readonly proxy?: string;
  readonly noProxy?: string;
  /** Lines as in `known_hosts`. */
  readonly knownHosts?: string;
  /** A registry without TLS. */
  readonly plainHttp?: boolean;
  /** Charts on other hosts than their Helm repository's get its credential, too. */
  readonly passCredentials?: boolean;
}

/** Where credentials come from; asked before every fetch, so that rotation needs no restart. */
export interface CredentialProvider {
  /**
   * Identifies the credential without revealing it, e.g. `secret/default/git`. Repositories are
   * shared only among users of the same URL and the same id, so nobody reads what another's
   * credential fetched.
   */
  readonly id: string;
  readonly connection?: ConnectionOptions;
  /** @returns undefined when there is none to send. */
  get(signal: AbortSignal): Promise<Credential | undefined>;
}

export interface Author {
  readonly name: string;
  readonly email: string;
}

export interface CommitInfo {
  /** Full object id of the commit; of the tree for a plain folder. */
  readonly id: string;
  readonly author: Author;
  /** Author date, milliseconds since the epoch. */
  readonly dateMs: number;
  /** First line of the message. */
  readonly subject: string;
  /** Ids of the parent commits, also of those that a shallow fetch did not bring. */
  readonly parents: readonly string[];
}

export interface Commit extends CommitInfo {
  readonly tree: Tree;
  /** What the revision named: `refs/tags/v1.2.0`; absent for commit ids and plain folders. */
  readonly ref?: string;
  /**
   * What may carry a signature: the commit, and before it the annotated tags that led to it.
   * Absent for plain folders, which have none.
   */
  readonly signable?: () => Promise<readonly SignableObject[]>;
}

export interface SignableObject {
  readonly type: "commit" | "tag";
  readonly id: string;
  readonly bytes: Uint8Array;
}

export type EntryKind = "file" | "directory" | "symlink" | "submodule";

export interface TreeEntry {
  readonly name: string;
  readonly kind: EntryKind;
  /**
   * Object id: equal ids mean equal content, for whole directories too. Of a symlink: the blob
   * that holds its target. Of a submodule: the commit in the other repository.
   */
  readonly id: string;
  readonly executable: boolean;
}

/** A tree of files, read lazily; immutable, so that ids can be used as cache keys for ever. */
export interface Tree {
  readonly id: string;
  /**
   * The entries of a directory, sorted by name. `path` is relative with `/`; `""` is the root.
   * Symlinks are not followed.
   * @throws SourceError `path-not-found` when the path does not exist or is no directory.
   */
  entries(path: string): Promise<readonly TreeEntry[]>;
  /** The entry at `path`, not following symlinks; undefined when there is none. Not for the root. */
  entry(path: string): Promise<TreeEntry | undefined>;
  /** Id of the directory at `path`, undefined when there is none. Unchanged id: unchanged subtree. */
  treeIdOf(path: string): Promise<string | undefined>;
  /**
   * The content of a file, or the target of a symlink, by the id of its entry.
   * @throws SourceError `too-large` above `maxBytes`, without having read it whole where possible.
   */
  blob(id: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array>;
}

export interface ResolveOptions {
  /**
   * How old the knowledge of the remote's refs may be; 0 asks the remote again unless a request
   * is under way that started after this call. Sources that are local ignore it.
   * @default 0
   */
  readonly maxAgeMs?: number;
  readonly signal?: AbortSignal;
}

export interface Source {
  readonly kind: "git-remote" | "git-local" | "folder" | "oci" | "helm";
  /** What it reads, without credentials: safe to show and log. */
  readonly where: string;
  /**
   * Resolves a revision: a branch, a tag, a full ref name, a commit id, a range of versions over
   * the tags (`1.x`, `app/^2`), or `HEAD` (also `""`). A branch wins over a tag of the same name,
   * both win over a range. A plain folder has one revision, whatever is asked.
   * @throws SourceError
   */
  resolve(revision: string, options?: ResolveOptions): Promise<Commit>;
  /** First-parent history from a commit on, newest first; fetches more of it where needed. */
  history(
    commitId: string,
    limit: number,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly CommitInfo[]>;
  /**
   * Calls back when `resolve` may have a new answer: files changed, or another user's fetch saw
   * moved refs. Bursts come as one call. Returns how to stop.
   */
  onChange(listener: () => void): () => void;
  /** Stops watching and background processes. The source must not be used afterwards. */
  close(): Promise<void>;
}
