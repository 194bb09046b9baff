/** The pulling half of the OCI distribution API for one repository. */
import { createHash } from "node:crypto";
import { type Answer, type ArtifactHttp, discard, headerOf } from "../artifact-http.ts";
import { answerProblem, protocolProblem } from "../artifact-problems.ts";
import { SHA256_DIGEST } from "../artifact-store.ts";
import { SourceError } from "../../source-error.ts";
import { MANIFEST_TYPES } from "./oci-manifest.ts";
import type { OciRepository } from "./oci-url.ts";
import type { RegistryAuth } from "./registry-auth.ts";

/** What the specification has registries accept. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** 10,000 tags of 100 characters. */
const MAX_TAGS_PAGE_BYTES = 4 * 1024 * 1024;
/** Repositories that tag every build have some thousands. */
const MAX_TAGS = 50_000;
const MAX_TAG_PAGES = 100;
const TAGS_PER_PAGE = 1000;
export const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export interface ManifestAnswer {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export class RegistryClient {
  readonly #http: ArtifactHttp;
  readonly #repository: OciRepository;
  readonly #auth: RegistryAuth;

  constructor(http: ArtifactHttp, repository: OciRepository, auth: RegistryAuth) {
    this.#http = http;
    this.#repository = repository;
    this.#auth = auth;
  }

  /**
   * What a tag points to now, without fetching it.
   * @returns undefined when the registry does not say; then {@link manifest} tells
   */
  async digestOf(tag: string, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.#ask("HEAD", `manifests/${tag}`, signal, MANIFEST_TYPES.join(", "));
    await discard(answer);
    // Some registries know GET only.
    if (answer.statusCode === 405 || answer.statusCode === 400) return undefined;
    if (answer.statusCode !== 200) throw this.#problem(answer.statusCode, `the tag ${tag}`);
    const digest = headerOf(answer, "docker-content-digest");
    return digest !== undefined && SHA256_DIGEST.test(digest) ? digest : undefined;
  }

  /** A manifest by tag or digest; its own digest is computed, never believed. */
  async manifest(reference: string, signal: AbortSignal): Promise<ManifestAnswer> {
    const accept = MANIFEST_TYPES.join(", ");
    const answer = await this.#ask("GET", `manifests/${reference}`, signal, accept);
    if (answer.statusCode !== 200) {
      await discard(answer);
      throw this.#problem(
        answer.statusCode,
        reference.includes(":") ? `the digest ${reference}` : `the tag ${reference}`,
      );
    }
    const bytes = await this.#http.bytes(answer, MAX_MANIFEST_BYTES, signal);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (reference.startsWith("sha256:") && reference !== digest)
      throw new SourceError("corrupt", {
        what: `the registry sent a manifest with the digest ${digest} instead of ${reference}`,
        where: this.#repository.url,
        advice: "Nothing of it was used. It is tried again by itself.",
      });
    const mediaType = headerOf(answer, "content-type")?.split(";")[0]?.trim() ?? "";
    return { digest, mediaType, bytes };
  }

  /** All tags. @throws SourceError `too-large` when there is no end of them */
  async tags(signal: AbortSignal): Promise<readonly string[]> {
    const tags = new Set<string>();
    let path: string | undefined = `tags/list?n=${TAGS_PER_PAGE}`;
    for (let page = 0; path !== undefined; page++) {
      if (page >= MAX_TAG_PAGES || tags.size > MAX_TAGS) throw this.#tooManyTags();
      const answer = await this.#ask("GET", path, signal);
      if (answer.statusCode !== 200) {
        await discard(answer);
        throw this.#problem(answer.statusCode, "the list of tags");
      }
      const body = await this.#http.bytes(answer, MAX_TAGS_PAGE_BYTES, signal);
      for (const tag of this.#readTags(body)) tags.add(tag);
      path = this.#nextPage(headerOf(answer, "link"));
    }
    return [...tags];
  }

  /** A blob in pieces, not checked: whoever keeps it checks the digest. */
  async blob(
    digest: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const answer = await this.#ask("GET", `blobs/${digest}`, signal);
    if (answer.statusCode === 200) return this.#http.body(answer, maxBytes, signal);
    await discard(answer);
    throw this.#problem(answer.statusCode, `the blob ${digest}`);
  }

  async #ask(
    method: "GET" | "HEAD",
    path: string,
    signal: AbortSignal,
    accept = "*/*",
  ): Promise<Answer> {
    const { origin, name } = this.#repository;
    const url = `${origin}/v2/${name}/${path}`;
    const headers = { accept };
    const authorization = await this.#auth.header(signal);
    const answer = await this.#http.ask(url, { method, headers, authorization, signal });
    if (answer.statusCode !== 401) return answer;
    const renewed = await this.#auth.answer(answer, signal);
    if (renewed === undefined || renewed === authorization) return answer;
    await discard(answer);
    return this.#http.ask(url, { method, headers, authorization: renewed, signal });
  }

  #readTags(body: Buffer): string[] {
    try {
      const { tags } = JSON.parse(body.toString("utf8")) as { tags?: unknown };
      if (tags === null || tags === undefined) return [];
      if (Array.isArray(tags))
        return tags.filter((tag): tag is string => typeof tag === "string" && TAG.test(tag));
    } catch {
      // told below
    }
    throw protocolProblem("the registry's list of tags is malformed", this.#repository.url);
  }

  /** Only its query counts: the next page is asked of the same repository. */
  #nextPage(link: string | undefined): string | undefined {
    const target = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(link ?? "")?.[1];
    if (target === undefined || !URL.canParse(target, this.#repository.origin)) return undefined;
    return `tags/list${new URL(target, this.#repository.origin).search}`;
  }

  #problem(status: number, what: string): SourceError {
    return answerProblem(status, what, this.#repository.url);
  }

  #tooManyTags(): SourceError {
    return new SourceError("too-large", {
      what: `the repository has more than ${MAX_TAGS} tags or ${MAX_TAG_PAGES} pages of them`,
      where: this.#repository.url,
      advice: "Name a tag instead of a range, or delete old tags.",
    });
  }
}
