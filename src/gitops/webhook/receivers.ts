/**
 * Receivers: webhook addresses that nobody can guess, `/hook/<sha256(token + name + namespace)>` as in
 * Flux. Each says who sends, how that is checked, and which Applications look at their source again.
 */
import { createHash } from "node:crypto";
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import { Informer } from "../../client/informer.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { formatTime } from "../../client/timestamps.ts";
import { findCondition, setCondition } from "../../kube/conditions.ts";
import { isSelected } from "../../kube/kinds/event-source.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { type Receiver, receivers } from "../../kube/kinds/receiver.ts";
import { secrets } from "../../kube/kinds/secret.ts";
import { type JsonObject, keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { DeliveryError } from "../notify/delivery-error.ts";
import { checkGoogleToken, checkOidcToken, type TokenContext } from "./bearer-token.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { TokenError } from "./json-web-token.ts";
import { NOT_JSON, parsePayload } from "./receive.ts";
import { RECEIVER_SENDERS } from "./senders.ts";
import type { Headers } from "./sender.ts";
import { RequestBudget } from "./request-budget.ts";

export interface ReceiversOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly applicationOf: (key: string) => Application | undefined;
  /** Whether token issuers may be on this machine, and without TLS. @default false */
  readonly allowLoopback?: boolean;
}

export type Verdict =
  | {
      readonly code: 200;
      readonly provider: string;
      /** Whether an Application, by key, is to look again; undefined for events that are no push. */
      readonly selects: ((key: string) => boolean) | undefined;
    }
  | { readonly code: 400 | 401 | 404 | 429 | 503; readonly message: string };

/** How often paths are made anew: a Secret may get another token. */
const REFRESH_MS = 60_000;
const PATH = /^\/hook\/[0-9a-f]{64}$/;
const NOT_FOUND = { code: 404, message: "not found" } as const;

export class Receivers {
  readonly #options: ReceiversOptions;
  readonly #informer: Informer<Receiver>;
  readonly #keys: IssuerKeys;
  readonly #abort = new AbortController();
  readonly #budget: RequestBudget;
  /** Path → `namespace/name`. */
  #paths = new Map<string, string>();
  #running: Promise<unknown> = Promise.resolve();
  #updating: Promise<void> | undefined;
  #isStale = false;

  constructor(options: ReceiversOptions) {
    const { client, clock, logger = silentLogger, allowLoopback = false } = options;
    this.#options = options;
    this.#informer = new Informer(client, receivers, { clock, logger });
    this.#keys = new IssuerKeys({ clock, allowLoopback });
    this.#budget = new RequestBudget(clock);
  }

  async start(): Promise<void> {
    const { signal } = this.#abort;
    const informing = this.#informer.run(signal);
    await this.#informer.synced;
    this.#informer.onChange(({ object, previous }) => {
      if (previous?.metadata.generation !== object.metadata.generation || previous === undefined)
        this.#update();
    });
    this.#running = Promise.all([informing, this.#refresh()]);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error("the receivers were stopped"));
    await this.#running;
    await this.#updating;
  }

  /** Resolves once every path is known that a change so far led to. */
  async settled(): Promise<void> {
    await this.#updating;
  }

  async receive(
    path: string,
    headers: Headers,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const key = PATH.test(path) ? this.#paths.get(path) : undefined;
    const receiver = key === undefined ? undefined : this.#informer.get(key);
    if (receiver === undefined) return NOT_FOUND;
    const secret = await this.#secret(receiver);
    if (secret === undefined) return { code: 503, message: "the Receiver is not ready" };
    // Its Secret has another token by now: this path is nobody's any more.
    if (pathOf(receiver, secret) !== path) return NOT_FOUND;
    if (receiver.spec.suspend === true) return { code: 503, message: "the Receiver is suspended" };
    if (!this.#budget.spend(path))
      return { code: 429, message: "too many requests: wait a little" };
    return await this.#judge(receiver, secret, { headers, body, signal });
  }

  async #judge(
    receiver: Receiver,
    secret: ReadonlyMap<string, string>,
    request: { readonly headers: Headers; readonly body: Buffer; readonly signal: AbortSignal },
  ): Promise<Verdict> {
    const { headers, body, signal } = request;
    const { type, events, resources } = receiver.spec;
    const sender = RECEIVER_SENDERS[type];
    const { clock } = this.#options;
    try {
      const context = { clock, keys: this.#keys, signal };
      const isGenuine =
        sender.verify(headers, body, signingSecret(receiver, secret)) &&
        (await hasToken(receiver, secret, headers("authorization"), context));
      if (!isGenuine)
        return { code: 401, message: "the signature does not fit the Receiver's token" };
    } catch (error) {
      if (error instanceof TokenError) return { code: 401, message: error.message };
      if (!(error instanceof DeliveryError)) throw error;
      const { logger = silentLogger } = this.#options;
      logger.warn({ receiver: keyOf(receiver), reason: error.message }, "no keys for a token");
      return { code: 503, message: "the keys of the token's issuer cannot be had" };
    }
    const takesAnything = type === "generic" || type === "generic-hmac" || type === "generic-oidc";
    const payload = parsePayload(body) ?? (takesAnything ? { value: undefined } : undefined);
    if (payload === undefined) return { code: 400, message: NOT_JSON };
    const event = sender.event(headers, payload.value);
    const isWanted =
      events === undefined ||
      events.length === 0 ||
      takesAnything ||
      (event !== undefined && events.includes(event));
    const provider = sender.name;
    // Events asked for by name count, whether or not they are a push.
    const counts = takesAnything || (events ?? []).length > 0;
    const push = counts ? undefined : sender.parse(headers, payload.value);
    if (!isWanted || (!counts && push === undefined))
      return { code: 200, provider, selects: undefined };
    const { namespace = "" } = receiver.metadata;
    const selects = (key: string): boolean => {
      const application = this.#options.applicationOf(key);
      return application !== undefined && isSelected(application, resources, namespace);
    };
    return { code: 200, provider, selects };
  }

  async #refresh(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#update();
      await this.#updating;
      await sleep(this.#options.clock, REFRESH_MS, signal).catch(() => undefined);
    }
  }

  #update(): void {
    this.#isStale = true;
    this.#updating ??= this.#updateAll().finally(() => {
      this.#updating = undefined;
    });
  }

  async #updateAll(): Promise<void> {
    while (this.#isStale && !this.#abort.signal.aborted) {
      this.#isStale = false;
      const paths = new Map<string, string>();
      for (const receiver of this.#informer.list()) {
        const secret = await this.#secret(receiver);
        const path = secret === undefined ? undefined : pathOf(receiver, secret);
        if (path !== undefined) paths.set(path, keyOf(receiver));
        await this.#report(receiver, path, secret);
      }
      this.#paths = paths;
    }
  }

  /** Undefined while it cannot be had, or lacks what the type needs. */
  async #secret(receiver: Receiver): Promise<ReadonlyMap<string, string> | undefined> {
    const { namespace = "" } = receiver.metadata;
    const { secretRef, type } = receiver.spec;
    if (secretRef === undefined) return type === "generic-oidc" ? new Map() : undefined;
    try {
      const { data = {} } = await this.#options.client.get(secrets, {
        namespace,
        name: secretRef.name,
      });
      const found = new Map(
        Object.entries(data).map(
          ([key, value]) => [key, Buffer.from(value, "base64").toString("utf8").trim()] as const,
        ),
      );
      const needed = type === "gcr" ? ["token", "email", "audience"] : ["token"];
      return needed.every((key) => (found.get(key) ?? "") !== "") ? found : undefined;
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async #report(
    { metadata, spec, status }: Receiver,
    path: string | undefined,
    secret: ReadonlyMap<string, string> | undefined,
  ): Promise<void> {
    const now = formatTime(this.#options.clock.now());
    const keys = spec.type === "gcr" ? "token, email and audience" : "token";
    const standing =
      secret === undefined
        ? {
            status: "False",
            reason: "TokenNotFound",
            message: `Secret ${spec.secretRef?.name ?? ""} needs ${keys}`,
          }
        : spec.suspend === true
          ? { status: "False", reason: "Suspended", message: "spec.suspend is true" }
          : { status: "True", reason: "Ready", message: `listens at ${path ?? ""}` };
    const before = findCondition(status?.conditions, "Ready");
    const generation = metadata.generation ?? 0;
    if (
      before?.status === standing.status &&
      before.message === standing.message &&
      status?.webhookPath === path &&
      status?.observedGeneration === generation
    )
      return;
    const conditions = setCondition(
      status?.conditions,
      { type: "Ready", lastTransitionTime: now, ...standing },
      now,
    );
    const next = { conditions, observedGeneration: generation, webhookPath: path ?? null };
    const { namespace = "", name } = metadata;
    const { client, logger = silentLogger } = this.#options;
    try {
      await client.patch(
        receivers,
        { namespace, name },
        { type: "merge", body: { status: next } as unknown as JsonObject },
        { subresource: "status", fieldManager: "gantry" },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound"))
        logger.warn(
          { err: error, receiver: `${namespace}/${name}` },
          "could not write a Receiver's status",
        );
    }
  }
}

function pathOf({ metadata }: Receiver, secret: ReadonlyMap<string, string>): string {
  const { namespace = "", name } = metadata;
  const digest = createHash("sha256").update(`${secret.get("token") ?? ""}${name}${namespace}`);
  return `/hook/${digest.digest("hex")}`;
}

/** Azure DevOps proves itself with a user name and a password. */
function signingSecret({ spec }: Receiver, secret: ReadonlyMap<string, string>): string {
  const token = secret.get("token") ?? "";
  return spec.type === "azuredevops" ? `${secret.get("username") ?? ""}:${token}` : token;
}

/** @throws TokenError, DeliveryError */
async function hasToken(
  { spec }: Receiver,
  secret: ReadonlyMap<string, string>,
  authorization: string | undefined,
  context: TokenContext,
): Promise<boolean> {
  if (spec.type === "generic-oidc")
    await checkOidcToken(authorization, spec.oidcProviders ?? [], context);
  if (spec.type === "gcr") {
    const [email = "", audience = ""] = [secret.get("email"), secret.get("audience")];
    await checkGoogleToken(authorization, { email, audience }, context);
  }
  return true;
}
