/**
 * One Helm repository, shared by the sources of its charts: one index for all of them, fetched
 * again only when it changed.
 */
import type { CredentialProvider } from "../../source.ts";
import { SourceError } from "../../source-error.ts";
import { SingleFlight } from "../../single-flight.ts";
import { type Answer, type ArtifactHttp, discard, headerOf } from "../artifact-http.ts";
import { answerProblem, protocolProblem } from "../artifact-problems.ts";
import { basic } from "../oci/registry-auth.ts";
import { type ChartVersion, chartVersions } from "./chart-versions.ts";

/** The largest public index has some 20 MB. */
const MAX_INDEX_BYTES = 48 * 1024 * 1024;
const INDEX_TIMEOUT_MS = 60_000;

export interface HelmRepositoryOptions {
  /** Without credentials and trailing slash. */
  readonly url: string;
  readonly http: ArtifactHttp;
  readonly credentials?: CredentialProvider;
  /** Whether archives on other hosts get the credentials, too. */
  readonly passCredentials: boolean;
}

export class HelmRepository {
  readonly url: string;
  readonly #options: HelmRepositoryOptions;
  readonly #refresh: SingleFlight<void>;
  /** How many sources follow a chart. */
  readonly #followed = new Map<string, number>();
  readonly #versions = new Map<string, readonly ChartVersion[]>();
  /** What the server calls the index that was read, for `If-None-Match`. */
  #tag: Readonly<Record<string, string>> = {};

  constructor(options: HelmRepositoryOptions) {
    this.url = options.url;
    this.#options = options;
    this.#refresh = new SingleFlight(() => this.#fetchIndex());
  }

  follow(chart: string): void {
    this.#followed.set(chart, (this.#followed.get(chart) ?? 0) + 1);
    // What was not read of the index must be fetched whole.
    if (!this.#versions.has(chart)) this.#tag = {};
  }

  /** Ends the repository with its last chart. */
  async leave(chart: string): Promise<void> {
    const users = (this.#followed.get(chart) ?? 1) - 1;
    if (users > 0) this.#followed.set(chart, users);
    else {
      this.#followed.delete(chart);
      this.#versions.delete(chart);
    }
    if (this.#followed.size === 0) await this.#options.http.close();
  }

  /** Whether nobody follows a chart of it any more. */
  get isUnused(): boolean {
    return this.#followed.size === 0;
  }

  /**
   * The versions as the index lists them now.
   * @throws SourceError also when there is no such chart
   */
  async versions(chart: string): Promise<readonly ChartVersion[]> {
    await this.#refresh.run();
    const versions = this.#versions.get(chart);
    if (versions !== undefined) return versions;
    throw new SourceError("revision-not-found", {
      what: `the repository has no chart ${JSON.stringify(chart.slice(0, 100))}`,
      where: this.url,
      advice: "Correct spec.source.chart: helm search repo lists the charts.",
    });
  }

  /** The versions as last seen. */
  known(chart: string): readonly ChartVersion[] {
    return this.#versions.get(chart) ?? [];
  }

  async #fetchIndex(): Promise<void> {
    const { http, url } = this.#options;
    const signal = AbortSignal.timeout(INDEX_TIMEOUT_MS);
    const answer = await this.#ask(`${url}/index.yaml`, this.#tag, signal);
    if (answer.statusCode === 304) return discard(answer);
    if (answer.statusCode !== 200) {
      await discard(answer);
      throw answerProblem(answer.statusCode, "index.yaml", url);
    }
    const bytes = await http.bytes(answer, MAX_INDEX_BYTES, signal);
    const text = bytes.toString("utf8");
    this.#versions.clear();
    for (const chart of this.#followed.keys()) {
      const versions = chartVersions(text, chart, url);
      if (versions !== undefined) this.#versions.set(chart, versions);
    }
    this.#tag = validators(answer);
  }

  /** The archive of a version in pieces. @throws SourceError */
  async archive(
    { url: link, digest }: ChartVersion,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const { http, url } = this.#options;
    const target = URL.canParse(link, `${url}/`) ? new URL(link, `${url}/`) : undefined;
    const isPlain = target?.protocol === "http:";
    // What comes over http from an https repository must at least be what the index says.
    const isAllowed =
      target?.protocol === "https:" ||
      (isPlain && (url.startsWith("http:") || digest !== undefined));
    if (target === undefined || !isAllowed || target.username !== "" || target.password !== "")
      throw protocolProblem("the index names an archive by a URL that is not used", url);
    const answer = await this.#ask(target.href, {}, signal);
    if (answer.statusCode === 200) return http.body(answer, maxBytes, signal);
    await discard(answer);
    throw answerProblem(answer.statusCode, `the archive ${target.pathname}`, url);
  }

  async #ask(
    target: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { http, url, credentials, passCredentials } = this.#options;
    const isOwn = new URL(target).origin === new URL(url).origin;
    const credential = isOwn || passCredentials ? await credentials?.get(signal) : undefined;
    const authorization =
      credential?.kind === "basic"
        ? basic(credential)
        : credential?.kind === "bearer"
          ? `Bearer ${credential.token}`
          : undefined;
    return http.ask(target, { headers, authorization, signal });
  }
}

function validators(answer: Answer): Record<string, string> {
  const tag = headerOf(answer, "etag");
  if (tag !== undefined) return { "if-none-match": tag };
  const modified = headerOf(answer, "last-modified");
  return modified === undefined ? {} : { "if-modified-since": modified };
}
