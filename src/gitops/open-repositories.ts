/** Repositories that Applications use: each is opened once, watched, and closed when nobody is left. */
import type { ApplicationSource } from "../kube/kinds/application.ts";
import type { CredentialProvider, Source } from "./source/source.ts";
import type { Sources } from "./source/sources.ts";

export interface OpenRepositoriesOptions {
  readonly sources: Sources;
  /** The credential for a repository, if the namespace of an Application has one for it. */
  readonly credentialsOf: (
    repoURL: string,
    namespace: string | undefined,
  ) => CredentialProvider | undefined;
  /** Gets the users of a repository that may say something else now. */
  readonly onChange: (userKeys: readonly string[]) => void;
}

/** Who reads a repository: an Application, or an ApplicationSet whose generators do. */
export interface RepositoryUser {
  readonly key: string;
  /** Whose credentials are used. */
  readonly namespace: string | undefined;
}

interface OpenRepository {
  readonly source: Source;
  readonly users: Set<string>;
  readonly stopWatching: () => void;
}

/** What one repository is opened as; another credential makes it another one. */
interface Wanted {
  readonly id: string;
  readonly source: ApplicationSource;
  readonly credentials: CredentialProvider | undefined;
}

export class OpenRepositories {
  readonly #options: OpenRepositoriesOptions;
  readonly #open = new Map<string, Promise<OpenRepository>>();
  readonly #usedBy = new Map<string, ReadonlySet<string>>();

  constructor(options: OpenRepositoriesOptions) {
    this.#options = options;
  }

  /**
   * What a user's sources are read from, in their order; what it used before is given back.
   * @throws SourceError
   */
  async of(
    { key, namespace }: RepositoryUser,
    sources: readonly ApplicationSource[],
  ): Promise<readonly Source[]> {
    const wanted = sources.map((source) => this.#wanted(source, namespace));
    const ids = new Set(wanted.map(({ id }) => id));
    const before = this.#usedBy.get(key);
    this.#usedBy.set(key, ids);
    for (const id of before ?? []) if (!ids.has(id)) await this.#leave(key, id);
    const opened: Source[] = [];
    for (const one of wanted) {
      const repository = await this.#repository(one);
      repository.users.add(key);
      opened.push(repository.source);
    }
    return opened;
  }

  async forget(userKey: string): Promise<void> {
    const used = this.#usedBy.get(userKey) ?? [];
    this.#usedBy.delete(userKey);
    for (const id of used) await this.#leave(userKey, id);
  }

  async stop(): Promise<void> {
    for (const opening of this.#open.values())
      (await opening.catch(() => undefined))?.stopWatching();
    this.#open.clear();
  }

  #wanted(source: ApplicationSource, namespace: string | undefined): Wanted {
    const { repoURL, chart } = source;
    const credentials = this.#options.credentialsOf(repoURL, namespace);
    return { id: JSON.stringify([repoURL, chart, credentials?.id]), source, credentials };
  }

  #repository(wanted: Wanted): Promise<OpenRepository> {
    let opening = this.#open.get(wanted.id);
    if (opening === undefined) {
      opening = this.#openRepository(wanted);
      this.#open.set(wanted.id, opening);
      opening.catch(() => this.#open.delete(wanted.id));
    }
    return opening;
  }

  async #openRepository({ source, credentials }: Wanted): Promise<OpenRepository> {
    const { repoURL, chart } = source;
    const opened = await this.#options.sources.open({
      repoURL,
      ...(chart === undefined ? {} : { chart }),
      ...(credentials === undefined ? {} : { credentials }),
    });
    const users = new Set<string>();
    const stopWatching = opened.onChange(() => this.#options.onChange([...users]));
    return { source: opened, users, stopWatching };
  }

  async #leave(userKey: string, id: string): Promise<void> {
    const repository = await this.#open.get(id)?.catch(() => undefined);
    if (repository === undefined) return;
    repository.users.delete(userKey);
    if (repository.users.size > 0) return;
    this.#open.delete(id);
    repository.stopWatching();
    await repository.source.close();
  }
}
