/**
 * How registries want to be asked (the Docker token protocol): a 401 names a realm that hands out
 * short-lived tokens. Rule for the realm: it is asked over https only — over http only on the
 * registry's own host, when the registry itself is spoken to over http — and never on an address
 * that the guard refuses. Within that rule the registry may send its user to another host, as
 * Docker Hub and others do: it could have had the password itself.
 */
import type { Credential, CredentialProvider } from "../../source.ts";
import { SourceError } from "../../source-error.ts";
import { type Answer, type ArtifactHttp, discard, headerOf } from "../artifact-http.ts";
import { answerProblem, protocolProblem } from "../artifact-problems.ts";

export interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer than any that a registry sends. */
const MAX_CHALLENGE_LENGTH = 8192;
/** A JWT with many groups has some ten kilobytes. */
const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;
/** What the protocol says when the server does not. */
const DEFAULT_LIFETIME_S = 60;
/** Renewed before it ends: clocks differ and requests take time. */
const MARGIN_MS = 10_000;

/** @returns undefined when there is no challenge that can be answered */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > MAX_CHALLENGE_LENGTH) return undefined;
  const match = /^\s*(basic|bearer)\b(.*)$/is.exec(header);
  if (match === null) return undefined;
  const parameters: Record<string, string> = {};
  for (const [, key = "", quoted, plain] of (match[2] ?? "").matchAll(
    /([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi,
  ))
    parameters[key.toLowerCase()] = (quoted ?? plain ?? "").replace(/\\(.)/g, "$1");
  return { scheme: match[1]?.toLowerCase() === "basic" ? "basic" : "bearer", parameters };
}

export interface RegistryAuthOptions {
  readonly http: ArtifactHttp;
  readonly origin: string;
  /** `repository:team/app:pull` */
  readonly scope: string;
  /** Shown in errors. */
  readonly where: string;
  readonly credentials?: CredentialProvider;
  readonly now: () => number;
}

export class RegistryAuth {
  readonly #options: RegistryAuthOptions;
  #header: { readonly value: string; readonly untilMs: number } | undefined;

  constructor(options: RegistryAuthOptions) {
    this.#options = options;
  }

  /** The `Authorization` to begin with. */
  async header(signal: AbortSignal): Promise<string | undefined> {
    const known = this.#header;
    if (known !== undefined && known.untilMs > this.#options.now()) return known.value;
    this.#header = undefined;
    const credential = await this.#credential(signal);
    return credential?.kind === "bearer" ? `Bearer ${credential.token}` : undefined;
  }

  /**
   * The `Authorization` that a refusal asks for.
   * @returns undefined when there is nothing more to try
   */
  async answer(refusal: Answer, signal: AbortSignal): Promise<string | undefined> {
    const challenge = parseChallenge(headerOf(refusal, "www-authenticate"));
    const credential = await this.#credential(signal);
    if (challenge?.scheme === "bearer") return this.#token(challenge, credential, signal);
    if (challenge?.scheme !== "basic" || credential?.kind !== "basic") return undefined;
    this.#header = { value: basic(credential), untilMs: Number.POSITIVE_INFINITY };
    return this.#header.value;
  }

  async #credential(signal: AbortSignal): Promise<Credential | undefined> {
    const credential = await this.#options.credentials?.get(signal);
    if (credential?.kind !== "ssh-key") return credential;
    throw new SourceError("bad-credential", {
      what: "an SSH key cannot be used for a registry",
      where: this.#options.where,
      advice: "Give a user name and a token.",
    });
  }

  async #token(
    { parameters }: Challenge,
    credential: Credential | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { http, scope, where, now } = this.#options;
    if (credential?.kind === "bearer") return undefined; // it was just refused
    const url = this.#realm(parameters["realm"]);
    if (parameters["service"] !== undefined) url.searchParams.set("service", parameters["service"]);
    url.searchParams.set("scope", scope);
    const authorization = credential?.kind === "basic" ? basic(credential) : undefined;
    const answer = await http.ask(url.href, { signal, authorization });
    if (answer.statusCode !== 200) {
      await discard(answer);
      throw answerProblem(answer.statusCode, "a token for the repository", where);
    }
    const { token, lifetimeS } = readToken(
      await http.bytes(answer, MAX_TOKEN_ANSWER_BYTES, signal),
      where,
    );
    const value = `Bearer ${token}`;
    this.#header = { value, untilMs: now() + lifetimeS * 1000 - MARGIN_MS };
    return value;
  }

  #realm(realm: string | undefined): URL {
    const { origin, where } = this.#options;
    const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
    const isOwnPlain =
      url?.protocol === "http:" &&
      origin.startsWith("http:") &&
      url.hostname === new URL(origin).hostname;
    if (
      url !== undefined &&
      (url.protocol === "https:" || isOwnPlain) &&
      url.username === "" &&
      url.password === ""
    )
      return url;
    throw new SourceError("redirect-refused", {
      what: `the registry wants its token to be fetched from ${url === undefined ? "something that is no URL" : `${url.protocol}//${url.host}`}`,
      where,
      advice:
        "Tokens are fetched over https only: correct the realm in the registry's configuration.",
    });
  }
}

function readToken(body: Buffer, where: string): { token: string; lifetimeS: number } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    parsed = undefined;
  }
  const fields = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<
    string,
    unknown
  >;
  const token = fields["token"] ?? fields["access_token"];
  if (typeof token !== "string" || token === "" || !/^[\x21-\x7e]+$/.test(token))
    throw protocolProblem("the registry's token server sent no token", where);
  const lifetime = Number(fields["expires_in"] ?? DEFAULT_LIFETIME_S);
  return { token, lifetimeS: lifetime > 0 ? lifetime : DEFAULT_LIFETIME_S };
}

export function basic(credential: { username: string; password: string }): string {
  const pair = `${credential.username}:${credential.password}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
