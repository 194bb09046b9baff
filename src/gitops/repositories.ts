/**
 * The manifests of Applications, from their repositories: opens each repository once, renders and
 * checks what a revision says, and finds out from tree ids alone which Applications a commit concerns.
 */
import type { Clock } from "../client/clock.ts";
import type { Logger } from "../client/logger.ts";
import { type Application, type ApplicationSource, sourcesOf } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import {
  type ApplicationManifests,
  type ManifestRequest,
  type ManifestSource,
  targetRevision,
} from "./application-manifests.ts";
import { ApplicationRenderer } from "./application-renderer.ts";
import { OpenRepositories, type RepositoryUser } from "./open-repositories.ts";
import { type Footprint, isUntouched } from "./render/footprint.ts";
import type { RenderedApplication } from "./render/render-application.ts";
import { RepositoryLook } from "./repository-look.ts";
import { isLocalRepository } from "./source/repo-url.ts";
import type { Commit, CommitInfo, CredentialProvider } from "./source/source.ts";
import { Sources, type SourcesOptions } from "./source/sources.ts";
import { observed, type StageObserver } from "./report/stage-metrics.ts";

export interface RepositoriesOptions {
  readonly dataDir: string;
  /** See {@link SourcesOptions.internal}. */
  readonly internal?: SourcesOptions["internal"];
  readonly clock: Clock;
  readonly logger: Logger;
  /** The credential for a repository, if the namespace of an Application has one for it. */
  readonly credentialsOf: (
    repoURL: string,
    namespace: string | undefined,
  ) => CredentialProvider | undefined;
  /**
   * Gets the keys of the Applications for which their repositories say something else, and since
   * when what was known before is too old.
   */
  readonly onChange: (applicationKeys: readonly string[], sinceMs: number) => void;
  /** @default one that is offline: no variables of the cluster, no keys */
  readonly renderer?: ApplicationRenderer;
  /**
   * What has to hold of a commit before anything of it is used, such as its signature; may give back
   * another tree, as with submodules.
   * @throws SourceError
   */
  readonly admit?: (admission: Admission) => Promise<Commit>;
  readonly observer?: StageObserver;
}

export interface Admission {
  readonly application: Application;
  readonly source: ApplicationSource;
  readonly commit: Commit;
  readonly signal: AbortSignal;
}

/** What a revision of the Application said, and how to tell that it says the same. */
interface Answer {
  readonly application: Application;
  readonly manifests: ApplicationManifests;
  readonly footprints: readonly Footprint[];
  /** Of each source the commit at which this was last known to hold. */
  commitIds: readonly string[];
  readonly circumstances: Circumstances;
  readonly repeatable: boolean;
}

export interface PushedCommit {
  readonly commit: Commit;
  /** Whether a source would be at this commit. */
  readonly isOf: (source: ApplicationSource) => boolean;
}

/** What a rendering depends on besides the trees. */
interface Circumstances {
  /** Sources, variables, keys. */
  readonly own: string;
  /** What the destination serves; matters to few. */
  readonly apiVersions: readonly string[] | undefined;
}

/** What a revision of a source is now. */
type Resolve = (source: ApplicationSource, revision: string) => Promise<Commit>;

/** Looks at once: a server that does not answer holds up its own only. */
const MAX_LOOKS = 8;

export class Repositories implements ManifestSource {
  readonly #options: RepositoriesOptions;
  readonly #sources: Sources;
  readonly #open: OpenRepositories;
  readonly #renderer: ApplicationRenderer;
  /** The last one: whoever looks because of it asks for the same. */
  #look: RepositoryLook | undefined;
  /** Of the revision that each Application follows. */
  readonly #followed = new Map<string, Answer>();
  /** Of another one that was asked for last, as while a rollback holds. */
  readonly #other = new Map<string, Answer>();
  readonly #changed = new Set<string>();
  readonly #looks = new Set<Promise<void>>();
  #isLookDue = false;
  readonly #abort = new AbortController();

  constructor(options: RepositoriesOptions) {
    this.#options = options;
    const { dataDir, clock, observer } = options;
    this.#sources = new Sources({
      dataDir,
      clock,
      ...(observer === undefined ? {} : { observer }),
      ...(options.internal === undefined ? {} : { internal: options.internal }),
    });
    this.#renderer = options.renderer ?? new ApplicationRenderer({ clock: options.clock });
    this.#open = new OpenRepositories({
      sources: this.#sources,
      credentialsOf: options.credentialsOf,
      onChange: (keys) => this.refresh(keys),
    });
  }

  async manifestsOf(
    application: Application,
    { revision, notBeforeMs = 0, signal }: ManifestRequest,
  ): Promise<ApplicationManifests> {
    const resolve = await this.#resolver(application, notBeforeMs, signal);
    const { observer } = this.#options;
    const checkouts = await observed(observer, "resolve", () =>
      this.#checkouts(application, revision, resolve, signal),
    );
    const commits = checkouts.map(({ commit }) => commit);
    const circumstances = await this.#circumstances(application);
    const key = keyOf(application);
    const followed = this.#followed.get(key);
    if (followed !== undefined && (await holds(followed, commits, circumstances)))
      return followed.manifests;
    const isFollowed = revision === targetRevision(application);
    const answers = isFollowed ? this.#followed : this.#other;
    const before = answers.get(key);
    if (!isFollowed && before !== undefined && (await holds(before, commits, circumstances)))
      return before.manifests;
    const rendered = await this.#renderer.render(application, checkouts, signal);
    const { own } = circumstances;
    const apiVersions = rendered.usesApiVersions ? circumstances.apiVersions : undefined;
    const answer: Answer = {
      application,
      manifests: manifestsFrom(rendered, commits, before?.manifests),
      footprints: rendered.footprints,
      commitIds: commits.map(({ id }) => id),
      circumstances: { own, apiVersions },
      repeatable: rendered.repeatable,
    };
    answers.set(key, answer);
    return answer.manifests;
  }

  /**
   * Renders an Application with some of its sources at a commit that no ref names yet, as before a
   * push is accepted; its other sources are as they are.
   * @throws SourceError
   */
  async renderAt(
    application: Application,
    pushed: PushedCommit,
    signal: AbortSignal,
  ): Promise<RenderedApplication> {
    const others = sourcesOf(application.spec).filter((source) => !pushed.isOf(source));
    const resolve = await this.#resolver(application, 0, signal, others);
    const checkouts = await this.#checkouts(
      application,
      targetRevision(application),
      (source, revision) =>
        pushed.isOf(source) ? Promise.resolve(pushed.commit) : resolve(source, revision),
      signal,
    );
    return this.#renderer.render(application, checkouts, signal);
  }

  /**
   * Where all that an Application was rendered from is the same in a commit that is yet to come: the
   * commit by which that is known, which is the first that said it.
   */
  async knownAs(application: Application, pushed: PushedCommit): Promise<string | undefined> {
    const answer = this.#followed.get(keyOf(application));
    const sources = sourcesOf(application.spec);
    if (answer?.repeatable !== true || answer.manifests.errors.length > 0) return undefined;
    if (sources.some(({ verify, submodules }) => verify ?? submodules)) return undefined;
    if (!isSameIn(answer.circumstances, await this.#circumstances(application))) return undefined;
    for (const [index, source] of sources.entries()) {
      if (!pushed.isOf(source)) continue;
      if (!(await isUntouched(answer.footprints[index] ?? [], pushed.commit.tree)))
        return undefined;
    }
    return answer.manifests.commit.id;
  }

  /**
   * Asks the repositories of these Applications again, each once, and tells of those Applications for
   * which something is different; what cannot be read concerns all who read it. Changes come in
   * bursts: those that come while many looks are under way are looked at together.
   */
  refresh(applicationKeys: Iterable<string>): void {
    for (const key of applicationKeys) this.#changed.add(key);
    if (this.#isLookDue || this.#looks.size >= MAX_LOOKS || this.#changed.size === 0) return;
    this.#isLookDue = true;
    const look = this.#lookAtChanges().finally(() => this.#looks.delete(look));
    this.#looks.add(look);
  }

  /**
   * What a source of somebody else than an Application says now; whoever uses it is told of changes by
   * its key until it is forgotten.
   * @throws SourceError
   */
  async commitOf(
    user: RepositoryUser,
    source: ApplicationSource,
    { notBeforeMs, signal }: { readonly notBeforeMs: number; readonly signal: AbortSignal },
  ): Promise<Commit> {
    const [repository] = await this.#open.of(user, [source]);
    if (repository === undefined) throw new Error(`${source.repoURL} was not opened`);
    const maxAgeMs = Math.max(0, this.#options.clock.now() - notBeforeMs);
    return repository.resolve(source.targetRevision ?? "HEAD", { maxAgeMs, signal });
  }

  /**
   * The commits up to one of a source, newest first along the first parents.
   * @throws SourceError
   */
  async historyOf(
    user: RepositoryUser,
    source: ApplicationSource,
    {
      commitId,
      limit,
      signal,
    }: { readonly commitId: string; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<readonly CommitInfo[]> {
    const [repository] = await this.#open.of(user, [source]);
    return (await repository?.history(commitId, limit, { signal })) ?? [];
  }

  isWatched(application: Application): boolean {
    return sourcesOf(application.spec).every(
      ({ repoURL, chart }) => chart === undefined && isLocalRepository(repoURL),
    );
  }

  async forget(applicationKey: string): Promise<void> {
    this.#followed.delete(applicationKey);
    this.#other.delete(applicationKey);
    this.#renderer.forget(applicationKey);
    await this.#open.forget(applicationKey);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error("the repositories were closed"));
    await Promise.all(this.#looks);
    await this.#open.stop();
    await this.#sources.stop();
    await this.#renderer.stop();
  }

  async #lookAtChanges(): Promise<void> {
    const { signal } = this.#abort;
    // Those that are told of in one go are looked at in one go.
    await new Promise((resolve) => setImmediate(resolve));
    this.#isLookDue = false;
    while (this.#changed.size > 0 && !signal.aborted) {
      const keys = [...this.#changed];
      this.#changed.clear();
      const look = new RepositoryLook(this.#options.clock.now());
      this.#look = look;
      const concerned = await this.#concerned(keys, look, signal);
      if (concerned.length > 0 && !signal.aborted) this.#options.onChange(concerned, look.sinceMs);
    }
  }

  async #concerned(
    applicationKeys: readonly string[],
    look: RepositoryLook,
    signal: AbortSignal,
  ): Promise<string[]> {
    const concerned: string[] = [];
    for (const key of applicationKeys) {
      const answer = this.#followed.get(key);
      if (answer === undefined || !(await this.#isAsBefore(answer, look, signal)))
        concerned.push(key);
    }
    return concerned;
  }

  async #isAsBefore(answer: Answer, look: RepositoryLook, signal: AbortSignal): Promise<boolean> {
    const { application } = answer;
    const sources = sourcesOf(application.spec);
    try {
      const resolve = await this.#resolver(application, look, signal);
      const commits: Commit[] = [];
      for (const source of sources)
        commits.push(await resolve(source, source.targetRevision ?? "HEAD"));
      // A commit that must not be used is to be told of, whatever it touches.
      const isNew = commits.some(({ id }, index) => id !== answer.commitIds[index]);
      if (isNew && sources.some(({ verify, submodules }) => verify ?? submodules)) return false;
      return await holds(answer, commits, answer.circumstances);
    } catch {
      // Whoever looks again finds the same trouble, and reports it.
      return false;
    }
  }

  async #resolver(
    application: Application,
    when: number | RepositoryLook,
    signal: AbortSignal,
    sources: readonly ApplicationSource[] = sourcesOf(application.spec),
  ): Promise<Resolve> {
    const notBeforeMs = typeof when === "number" ? when : when.sinceMs;
    const isSame = this.#look?.sinceMs === notBeforeMs;
    const look = typeof when === "number" ? (isSame ? this.#look : undefined) : when;
    const user = { key: keyOf(application), namespace: application.metadata.namespace };
    const opened = await this.#open.of(user, sources);
    return (source, revision) => {
      const repository = opened[sources.indexOf(source)];
      if (repository === undefined) throw new Error(`${source.repoURL} was not opened`);
      const nowMs = this.#options.clock.now();
      if (look !== undefined) return look.resolve(repository, revision, { nowMs, signal });
      const maxAgeMs = Math.max(0, nowMs - notBeforeMs);
      return repository.resolve(revision, { maxAgeMs, signal });
    };
  }

  async #checkouts(
    application: Application,
    revision: string,
    resolve: Resolve,
    signal: AbortSignal,
  ): Promise<{ readonly source: ApplicationSource; readonly commit: Commit }[]> {
    const sources = sourcesOf(application.spec);
    const revisions = revisionsAt(application, revision);
    const checkouts = [];
    for (const [index, source] of sources.entries()) {
      const commit = await resolve(source, revisions[index] ?? "HEAD");
      const admitted =
        (await this.#options.admit?.({ application, source, commit, signal })) ?? commit;
      checkouts.push({ source, commit: admitted });
    }
    return checkouts;
  }

  async #circumstances(application: Application): Promise<Circumstances> {
    const { variables, decryptor, kubeVersion, apiVersions } =
      await this.#renderer.environmentOf(application);
    const { spec, metadata } = application;
    const own = JSON.stringify([
      sourcesOf(spec),
      spec.destination.namespace,
      metadata.name,
      variables?.id,
      decryptor?.id,
      kubeVersion,
    ]);
    return { own, apiVersions };
  }
}

function isSameIn({ own, apiVersions: served }: Circumstances, now: Circumstances): boolean {
  if (own !== now.own) return false;
  return (
    served === undefined || served === now.apiVersions || String(served) === String(now.apiVersions)
  );
}

async function holds(
  answer: Answer,
  commits: readonly Commit[],
  circumstances: Circumstances,
): Promise<boolean> {
  if (!answer.repeatable || !isSameIn(answer.circumstances, circumstances)) return false;
  for (const [index, { id, tree }] of commits.entries()) {
    if (answer.commitIds[index] === id) continue;
    if (!(await isUntouched(answer.footprints[index] ?? [], tree))) return false;
  }
  // The next commit is compared with this one, which mostly is the same.
  answer.commitIds = commits.map(({ id }) => id);
  return true;
}

/**
 * As `revisionId` lists them, or of the first source the revision that is asked for; of the others those that they had when it was
 * deployed, if it was, else those that they follow.
 */
function revisionsAt(application: Application, revision: string): readonly string[] {
  const sources = sourcesOf(application.spec);
  const isFollowed = revision === targetRevision(application);
  const listed = revision.split(",");
  if (!isFollowed && listed.length > 1 && listed.length === sources.length) return listed;
  const deployed = isFollowed
    ? undefined
    : application.status?.history?.findLast((entry) => entry.revision === revision)?.revisions;
  return sources.map(({ targetRevision: target = "HEAD" }, index) =>
    index === 0 ? revision : (deployed?.[index] ?? target),
  );
}

/** The same as before when nothing is different: then that commit is still the one that counts. */
function manifestsFrom(
  { id, manifests, findings, errors, warnings, complete }: RenderedApplication,
  commits: readonly Commit[],
  before: ApplicationManifests | undefined,
): ApplicationManifests {
  const [main] = commits;
  if (main === undefined) throw new Error("the Application names no source");
  if (before?.id === id) return before;
  return {
    commit: {
      id: main.id,
      author: main.author.name,
      subject: main.subject,
      ...(commits.length > 1 ? { revisions: commits.map((commit) => commit.id) } : {}),
    },
    id,
    manifests,
    complete,
    errors,
    warnings,
    findings,
  };
}
