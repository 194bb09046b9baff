/**
 * The manifests of Applications, from their repositories: opens each repository once, renders and
 * checks what a revision says, and remembers what belongs to an unchanged folder.
 */
import type { Clock } from "../client/clock.ts";
import type { Logger } from "../client/logger.ts";
import { type Application, mainSource } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import type {
  ApplicationManifests,
  ManifestRequest,
  ManifestSource,
} from "./application-manifests.ts";
import { RenderCache } from "./render/render-cache.ts";
import { type RenderedFolder, renderFolder } from "./render-folder.ts";
import { isLocalRepository } from "./source/repo-url.ts";
import type { Commit, CredentialProvider, Source } from "./source/source.ts";
import { Sources } from "./source/sources.ts";

export interface RepositoriesOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The credential for a repository, if one is configured. */
  readonly credentialsOf: (repoURL: string) => CredentialProvider | undefined;
  /** Gets the keys of the Applications whose repository changed. */
  readonly onChange: (applicationKeys: readonly string[]) => void;
}

interface OpenRepository {
  readonly source: Source;
  readonly credentialId: string | undefined;
  readonly users: Set<string>;
  readonly stopWatching: () => void;
}

export class Repositories implements ManifestSource {
  readonly #options: RepositoriesOptions;
  readonly #sources: Sources;
  readonly #open = new Map<string, Promise<OpenRepository>>();
  readonly #repositoryOf = new Map<string, string>();
  readonly #rendered = new Map<string, RenderedFolder>();
  readonly #cache = new RenderCache();

  constructor(options: RepositoriesOptions) {
    this.#options = options;
    this.#sources = new Sources({ dataDir: options.dataDir, clock: options.clock });
  }

  async manifestsOf(
    application: Application,
    { revision, notBeforeMs = 0, signal }: ManifestRequest,
  ): Promise<ApplicationManifests> {
    const { source } = await this.#repository(application);
    const maxAgeMs = Math.max(0, this.#options.clock.now() - notBeforeMs);
    const commit = await source.resolve(revision, { maxAgeMs, signal });
    const rendered = await this.#render(application, commit);
    return {
      commit: { id: commit.id, author: commit.author.name, subject: commit.subject },
      ...rendered,
    };
  }

  isWatched(application: Application): boolean {
    return isLocalRepository(mainSource(application.spec).repoURL);
  }

  async forget(applicationKey: string): Promise<void> {
    const url = this.#repositoryOf.get(applicationKey);
    this.#repositoryOf.delete(applicationKey);
    this.#rendered.delete(applicationKey);
    if (url !== undefined) await this.#leave(applicationKey, url);
  }

  async stop(): Promise<void> {
    for (const opening of this.#open.values())
      (await opening.catch(() => undefined))?.stopWatching();
    await this.#sources.stop();
  }

  async #repository(application: Application): Promise<OpenRepository> {
    const key = keyOf(application);
    const url = mainSource(application.spec).repoURL;
    const before = this.#repositoryOf.get(key);
    if (before !== undefined && before !== url) await this.#leave(key, before);
    const credentials = this.#options.credentialsOf(url);
    const known = await this.#open.get(url)?.catch(() => undefined);
    // A changed credential means another source: what the old one fetched is not for the new one.
    if (known !== undefined && known.credentialId !== credentials?.id) {
      this.#open.delete(url);
      known.stopWatching();
      await known.source.close();
    }
    let opening = this.#open.get(url);
    if (opening === undefined) {
      opening = this.#openRepository(url, credentials);
      this.#open.set(url, opening);
      opening.catch(() => this.#open.delete(url));
    }
    const repository = await opening;
    repository.users.add(key);
    this.#repositoryOf.set(key, url);
    return repository;
  }

  async #openRepository(
    url: string,
    credentials: CredentialProvider | undefined,
  ): Promise<OpenRepository> {
    const source = await this.#sources.open({
      repoURL: url,
      ...(credentials === undefined ? {} : { credentials }),
    });
    const users = new Set<string>();
    const stopWatching = source.onChange(() => this.#options.onChange([...users]));
    return { source, credentialId: credentials?.id, users, stopWatching };
  }

  async #leave(applicationKey: string, url: string): Promise<void> {
    const repository = await this.#open.get(url)?.catch(() => undefined);
    if (repository === undefined) return;
    repository.users.delete(applicationKey);
    if (repository.users.size > 0) return;
    this.#open.delete(url);
    repository.stopWatching();
    await repository.source.close();
  }

  /** Nothing is rendered again for an Application whose folder is the same as before. */
  async #render(application: Application, commit: Commit): Promise<RenderedFolder> {
    const key = keyOf(application);
    const before = this.#rendered.get(key);
    const rendered = await renderFolder(
      mainSource(application.spec),
      commit.tree,
      this.#cache,
      before,
    );
    if (rendered !== before) this.#rendered.set(key, rendered);
    return rendered;
  }
}
