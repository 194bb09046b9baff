/**
 * What has to happen between a commit and its use: its signatures are checked where the source says
 * so, its submodules fetched where the source asks for them. What is refused is never rendered, so
 * that the last good state stays.
 */
import { join } from "node:path";
import type { Clock } from "../client/clock.ts";
import type { ApplicationSource } from "../kube/kinds/application.ts";
import type { Commit, CredentialProvider, Source } from "./source/source.ts";
import { SourceError } from "./source/source-error.ts";
import { redactUrl } from "./source/repo-url.ts";
import { Sources } from "./source/sources.ts";
import { mountSubmodules } from "./source/submodules/mount-submodules.ts";
import { type SigningKeys, signingKeysOf } from "./source/verify/signing-keys.ts";
import { verifyCommit } from "./source/verify/verify-commit.ts";

/** Checks that are remembered: some for each Application's latest revisions. */
const MAX_REMEMBERED = 5_000;
/** Repositories of submodules that stay open, over all Applications. */
const MAX_OPEN_SUBMODULES = 500;
const DAY_MS = 86_400_000;

export interface CommitAdmissionOptions {
  /** Submodules are kept in `<dataDir>/submodules/`. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** The decoded entries of a Secret, and what changes when they do; undefined when there is none. */
  readonly secretOf: (
    namespace: string,
    name: string,
  ) => Promise<
    { readonly id: string; readonly data: Readonly<Record<string, string>> } | undefined
  >;
  readonly credentialsOf: (
    repoURL: string,
    namespace: string | undefined,
  ) => CredentialProvider | undefined;
}

export interface CommitToAdmit {
  readonly application: { readonly metadata: { readonly namespace?: string } };
  readonly source: ApplicationSource;
  readonly commit: Commit;
  readonly signal: AbortSignal;
}

export class CommitAdmission {
  readonly #options: CommitAdmissionOptions;
  readonly #sources: Sources;
  /** What was checked with which keys and found good; oldest first. */
  readonly #checked = new Set<string>();
  readonly #submodules = new Map<string, Promise<Source>>();

  constructor(options: CommitAdmissionOptions) {
    this.#options = options;
    const dataDir = join(options.dataDir, "submodules");
    this.#sources = new Sources({ dataDir, clock: options.clock });
  }

  /**
   * The commit as it may be used, with its submodules' files in place.
   * @throws SourceError `signature` for what is not signed as the source demands
   */
  async admit({ application, source, commit, signal }: CommitToAdmit): Promise<Commit> {
    const { namespace } = application.metadata;
    if (source.verify !== undefined) await this.#verify(source, commit, namespace ?? "");
    if (source.submodules !== true) return commit;
    const open = (repoURL: string, sameServer: boolean): Promise<Source> =>
      this.#open(repoURL, sameServer ? this.#credentials(repoURL, source, namespace) : undefined);
    return mountSubmodules(commit, source.repoURL, { open }, signal);
  }

  /** The submodule's own credential, or that of the repository it is in, at the same server. */
  #credentials(
    repoURL: string,
    source: ApplicationSource,
    namespace: string | undefined,
  ): CredentialProvider | undefined {
    const { credentialsOf } = this.#options;
    return credentialsOf(repoURL, namespace) ?? credentialsOf(source.repoURL, namespace);
  }

  async #verify(source: ApplicationSource, commit: Commit, namespace: string): Promise<void> {
    const { verify, repoURL } = source;
    if (verify === undefined) return;
    const { mode = "HEAD", secretRef } = verify;
    const shown = redactUrl(repoURL);
    const keys = await this.#keys(namespace, secretRef.name, shown);
    const nowMs = this.#options.clock.now();
    const check = (one: Pick<Commit, "id" | "ref">, day?: number): string =>
      JSON.stringify([mode, keys.id, repoURL, one.id, one.ref, day]);
    // Keys expire: what was good yesterday is looked at again.
    const today = check(commit, Math.floor(nowMs / DAY_MS));
    // A rollback names the commit alone: its tag was checked when it was deployed.
    const byTag = check({ id: commit.id });
    const isAlone = mode !== "HEAD" && commit.ref === undefined;
    if (this.#checked.has(today) || (isAlone && this.#checked.has(byTag))) return;
    const where = commit.ref === undefined ? shown : `${shown} ${commit.ref}`;
    await verifyCommit(commit, { mode, keys, where, nowMs });
    this.#remember(today);
    if (mode !== "HEAD") this.#remember(byTag);
  }

  async #keys(namespace: string, name: string, where: string): Promise<SigningKeys> {
    const secret = await this.#options.secretOf(namespace, name);
    if (secret !== undefined) return signingKeysOf(secret.id, secret.data);
    throw new SourceError("signature", {
      what: `there is no Secret ${namespace}/${name} with the keys that signatures are checked with`,
      where,
      advice: "Create it in the Application's namespace, with public keys as *.pub or *.asc.",
    });
  }

  #remember(check: string): void {
    this.#checked.delete(check);
    this.#checked.add(check);
    const oldest = this.#checked.values().next();
    if (this.#checked.size > MAX_REMEMBERED && oldest.done !== true)
      this.#checked.delete(oldest.value);
  }

  /** Trees are read lazily, so that repositories stay open; many Applications share them. */
  async #open(repoURL: string, credentials: CredentialProvider | undefined): Promise<Source> {
    const key = JSON.stringify([repoURL, credentials?.id]);
    const known = this.#submodules.get(key);
    if (known !== undefined) return known;
    if (this.#submodules.size >= MAX_OPEN_SUBMODULES)
      throw new SourceError("too-large", {
        what: `more than ${MAX_OPEN_SUBMODULES} repositories are used as submodules`,
        where: redactUrl(repoURL),
        advice: "Use fewer submodules, or commit their files.",
      });
    const opening = this.#sources.open({
      repoURL,
      ...(credentials !== undefined && { credentials }),
    });
    this.#submodules.set(key, opening);
    opening.catch(() => this.#submodules.delete(key));
    return opening;
  }

  async stop(): Promise<void> {
    this.#submodules.clear();
    await this.#sources.stop();
  }
}
