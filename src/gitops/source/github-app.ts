/**
 * Tokens of a GitHub App's installation: short-lived passwords that GitHub gives for a signed
 * statement, so that no person's token is needed.
 */
import { createPrivateKey, createSign } from "node:crypto";
import type { ConnectionOptions } from "./source.ts";
import { SourceError } from "./source-error.ts";
import { transportError } from "./wire/http-problems.ts";

const PUBLIC_API = "https://api.github.com";
/** GitHub takes statements of up to ten minutes; clocks differ by some seconds. */
const STATEMENT_SECONDS = 540;
const CLOCK_SKEW_SECONDS = 60;
/** A token is renewed while a long fetch with it could still begin. */
const RENEW_BEFORE_MS = 300_000;
/** Answers are a kilobyte. */
const MAX_ANSWER_BYTES = 256 * 1024;

export interface GitHubApp {
  readonly appId: string;
  /** Found by the repository where it is left out. */
  readonly installationId?: string;
  /** PEM. */
  readonly privateKey: string;
  /** API of a GitHub Enterprise server: `https://github.example.com/api/v3`. */
  readonly baseUrl?: string;
}

export class GitHubAppTokens {
  readonly #app: GitHubApp;
  readonly #connection: ConnectionOptions;
  readonly #now: () => number;
  /** Per installation, as found by repository. */
  readonly #tokens = new Map<string, { readonly token: string; readonly expiresMs: number }>();

  constructor(app: GitHubApp, connection: ConnectionOptions, now: () => number = Date.now) {
    this.#app = app;
    this.#connection = connection;
    this.#now = now;
  }

  /** @throws SourceError */
  async tokenFor(repoURL: string, signal: AbortSignal): Promise<string> {
    const repository = repositoryOf(repoURL);
    const known = this.#tokens.get(repository);
    if (known !== undefined && known.expiresMs - this.#now() > RENEW_BEFORE_MS) return known.token;
    const installation =
      this.#app.installationId ?? (await this.#findInstallation(repository, signal));
    const path = `/app/installations/${encodeURIComponent(installation)}/access_tokens`;
    const answer = await this.#ask("POST", path, signal);
    const { token, expires_at: expiresAt } = answer;
    const expiresMs = typeof expiresAt === "string" ? Date.parse(expiresAt) : Number.NaN;
    if (typeof token !== "string" || !Number.isFinite(expiresMs)) throw this.#unexpected();
    this.#tokens.set(repository, { token, expiresMs });
    return token;
  }

  async #findInstallation(repository: string, signal: AbortSignal): Promise<string> {
    const { id } = await this.#ask("GET", `/repos/${repository}/installation`, signal);
    if (typeof id !== "number") throw this.#unexpected();
    return String(id);
  }

  async #ask(
    method: "GET" | "POST",
    path: string,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const base = this.#base;
    const headers = {
      authorization: `Bearer ${this.#statement()}`,
      accept: "application/vnd.github+json",
      "user-agent": "gantry",
    };
    const { httpAgent } = await import("./wire/http-agent.ts");
    const { request } = await import("undici");
    const dispatcher = httpAgent(base, this.#connection);
    try {
      const response = await request(`${base}${path}`, { method, headers, dispatcher, signal });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) throw this.#unexpected();
        chunks.push(chunk);
      }
      if (response.statusCode >= 300) throw this.#refused(response.statusCode);
      return recordOf(Buffer.concat(chunks).toString("utf8")) ?? {};
    } catch (error) {
      throw transportError(error, base, signal);
    } finally {
      await dispatcher.destroy();
    }
  }

  get #base(): string {
    const base = (this.#app.baseUrl ?? "").replace(/\/+$/, "") || PUBLIC_API;
    const url = URL.parse(base);
    if (url?.protocol === "https:" || url?.protocol === "http:") return base;
    throw new SourceError("bad-credential", {
      what: "githubAppEnterpriseBaseUrl is not an https:// URL",
      where: "GitHub App",
      advice: "Write the server's API, such as https://github.example.com/api/v3.",
    });
  }

  /** A JSON web token, signed by the App's key. */
  #statement(): string {
    const seconds = Math.floor(this.#now() / 1000);
    const claims = {
      iat: seconds - CLOCK_SKEW_SECONDS,
      exp: seconds + STATEMENT_SECONDS,
      iss: this.#app.appId,
    };
    const encode = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
    try {
      const key = createPrivateKey(this.#app.privateKey);
      return `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
    } catch {
      // OpenSSL's own words may quote the key.
      throw new SourceError("bad-credential", {
        what: "the private key of the GitHub App cannot be read",
        where: "GitHub App",
        advice: "Give githubAppPrivateKey as the PEM file that GitHub made.",
      });
    }
  }

  #refused(status: number): SourceError {
    return new SourceError(status >= 500 ? "server-error" : "unauthorized", {
      what: `GitHub gives no token to App ${this.#app.appId} (${status})`,
      where: this.#base,
      advice:
        "Check githubAppID, githubAppInstallationID and the key, and that the App is installed.",
    });
  }

  #unexpected(): SourceError {
    return new SourceError("protocol", {
      what: "the answer is not one of GitHub's API",
      where: this.#base,
      advice: "Check githubAppEnterpriseBaseUrl: it ends in /api/v3 on GitHub Enterprise.",
    });
  }
}

/** `owner/name` of a repository's URL. */
function repositoryOf(repoURL: string): string {
  const path = URL.parse(repoURL)?.pathname ?? "";
  const [owner = "", name = ""] = path.replace(/^\/+/, "").split("/");
  return `${encodeURIComponent(owner)}/${encodeURIComponent(name.replace(/\.git$/, ""))}`;
}

function recordOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
