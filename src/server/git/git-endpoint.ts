/**
 * `/git/<name>.git` and `/git/<namespace>/<name>.git`: the repositories that Gantry keeps, for
 * stock git clients (gitprotocol-http). Whoever has no token learns nothing, not even which exist.
 */
import { readdir, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { Logger } from "../../client/logger.ts";
import {
  ensureRepository,
  repositoriesFolder,
  repositoryId,
  type RepositoryId,
} from "../../gitops/push/internal-repository.ts";
import type { PushGate } from "../../gitops/push/push-gate.ts";
import { isSameToken, readPushToken } from "../../gitops/push/push-token.ts";
import { sendText, type WebHandler } from "../web-listener.ts";
import { FailedAttempts } from "./failed-attempts.ts";
import { FLUSH, PktReader, pktLine, ProtocolError } from "./pkt-line.ts";
import { discardQuarantines } from "./quarantine.ts";
import { receivePack } from "./receive-pack.ts";
import { NO_OBJECT, readReceiveRequest } from "./receive-request.ts";
import { readRefs } from "./refs.ts";
import { requestBody, RequestBodyError } from "./request-body.ts";
import { rollUpPacks } from "./roll-up-packs.ts";
import { SideBand } from "./side-band.ts";
import { Slots } from "./slots.ts";
import { advertiseRefs, uploadPack } from "./upload-pack.ts";

export interface GitLimits {
  /** Compressed, as it comes. */
  readonly maxPackBytes: number;
  readonly packTimeoutMs: number;
  /** Without a byte from the client. */
  readonly idleMs: number;
  /** Until the whole push has come. */
  readonly totalMs: number;
}
/** The longest that a push may take to arrive. */
export const GIT_REQUEST_TIMEOUT_MS = 16 * 60_000;
/** Manifests, and some binaries that somebody commits beside them, over a slow line. */
const LIMITS: GitLimits = {
  maxPackBytes: 512 * 1024 * 1024,
  packTimeoutMs: 15 * 60_000,
  idleMs: 30_000,
  totalMs: 15 * 60_000,
};
/** Of two cores: more pushes at once only take each other's time. */
const PUSH_SLOTS = { running: 4, waiting: 32 };
const FETCH_SLOTS = { running: 8, waiting: 64 };
/** What a client still sends after its answer is thrown away for so long. */
const DRAIN_MS = 30_000;

/** Commands, options and what git reads ahead, besides the pack. */
const BESIDES_PACK_BYTES = 32 * 1024 * 1024;

/** Not `quiet`: clients ask for it wherever no person seems to watch, and logs want to know, too. */
const CAPABILITIES =
  "report-status delete-refs side-band-64k atomic ofs-delta push-options object-format=sha1 agent=gantry";

export interface GitEndpointOptions {
  readonly dataDir: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gate: PushGate;
  readonly limits?: Partial<GitLimits>;
  /** More packs than this in a repository are rolled up. @default 50 */
  readonly maxPacks?: number;
}
export interface GitEndpoint {
  readonly handle: WebHandler;
  /** Ends what is under way: pushes whose refs have not moved yet leave nothing behind. */
  stop(): Promise<void>;
}

type Service = "git-upload-pack" | "git-receive-pack";
type Action = { readonly kind: "refs" | "call"; readonly service: Service };
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly repository: RepositoryId;
  readonly gitDir: string;
  readonly pusher: string;
  readonly signal: AbortSignal;
}

export async function startGitEndpoint(options: GitEndpointOptions): Promise<GitEndpoint> {
  await tidyRepositories(options.dataDir);
  const endpoint = new Endpoint(options);
  return {
    handle: (request, response) => endpoint.handle(request, response),
    stop: () => endpoint.stop(),
  };
}

class Endpoint {
  readonly #options: GitEndpointOptions;
  readonly #limits: GitLimits;
  readonly #attempts: FailedAttempts;
  readonly #pushes = new Slots(PUSH_SLOTS);
  readonly #fetches = new Slots(FETCH_SLOTS);
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Repositories whose packs are being rolled up. */
  readonly #rollingUp = new Set<string>();

  constructor(options: GitEndpointOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#attempts = new FailedAttempts(options.clock);
  }

  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const running = this.#serve(request, response).finally(() => {
      this.#running.delete(running);
      discardRest(request);
    });
    this.#running.add(running);
    return running;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the server is stopping"));
    await Promise.allSettled(this.#running);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parseTarget(request);
    const pusher = await this.#admit(request, response, target?.repository);
    if (pusher === undefined || target === undefined) {
      if (pusher !== undefined) sendText(response, 404, "not found\n");
      return;
    }
    if (target.action === undefined)
      return sendText(response, 403, "use a git client that speaks smart HTTP\n");
    const { repository, action } = target;
    const gitDir = await ensureRepository(this.#options.dataDir, repository);
    const gone = goneSignal(response);
    const signal = AbortSignal.any([gone, this.#stopping.signal]);
    try {
      await this.#perform(action, { request, response, repository, gitDir, pusher, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      response.destroy();
    }
  }

  /** Who it is; undefined when it has been answered that nobody is let in. */
  async #admit(
    request: IncomingMessage,
    response: ServerResponse,
    repository: RepositoryId | undefined,
  ): Promise<string | undefined> {
    const given = credentialOf(request);
    const key = `${request.socket.remoteAddress ?? ""} ${repository?.namespace ?? ""}/${repository?.name ?? ""}`;
    const waitMs = given === undefined ? 0 : this.#attempts.waitMs(key);
    if (waitMs > 0) {
      response.setHeader("retry-after", String(Math.ceil(waitMs / 1000)));
      sendText(response, 429, "too many wrong tokens; try again later\n");
      return undefined;
    }
    const wanted =
      given === undefined || repository === undefined
        ? undefined
        : await readPushToken(this.#options.client, repository);
    if (given !== undefined && isSameToken(given.token, wanted)) {
      this.#attempts.succeeded(key);
      return given.username;
    }
    if (given !== undefined) this.#attempts.failed(key);
    response.setHeader("www-authenticate", 'Basic realm="gantry", charset="UTF-8"');
    sendText(response, 401, "`gantry remote APP` prints the URL with its token\n");
    return undefined;
  }

  async #perform({ kind, service }: Action, exchange: Exchange): Promise<void> {
    const slots = service === "git-receive-pack" ? this.#pushes : this.#fetches;
    if (slots.isFull) {
      exchange.response.setHeader("retry-after", "30");
      return sendText(exchange.response, 503, "too many pushes or fetches at once; try again\n");
    }
    if (service === "git-receive-pack" && kind === "refs") return advertiseForPush(exchange);
    if (service === "git-receive-pack") return this.#receive(exchange);
    const leave = await slots.take(exchange.signal);
    try {
      if (kind === "refs") await advertiseRefs(exchange);
      else await uploadPack(exchange);
    } finally {
      leave();
    }
  }

  async #receive(exchange: Exchange): Promise<void> {
    const { request, response, signal, repository, gitDir, pusher } = exchange;
    const { maxPackBytes, packTimeoutMs, idleMs, totalMs } = this.#limits;
    // Git itself refuses a pack that is too large, in words that reach the client.
    const maxBytes = maxPackBytes + BESIDES_PACK_BYTES;
    const lines = new PktReader(requestBody(request, { maxBytes, idleMs, totalMs }, signal));
    const asked = await readReceiveRequest(lines).catch((error: unknown) => refusalOf(error));
    if (asked === undefined || "code" in asked) {
      response.setHeader("content-type", "application/x-git-receive-pack-result");
      if (asked === undefined) response.writeHead(200).end();
      else sendText(response, asked.code, `${asked.message}\n`);
      return;
    }
    const band = new SideBand(response, asked.capabilities.has("side-band-64k"));
    if (this.#pushes.isBusy) band.say("Waiting for other pushes …");
    const leave = await this.#pushes.take(signal);
    const onMoved = leave;
    const push = { repository, gitDir, pusher, band, signal, onMoved, request: asked };
    try {
      const limits = { maxBytes: maxPackBytes, timeoutMs: packTimeoutMs };
      await receivePack({ ...push, pack: lines.rest() }, { gate: this.#options.gate, limits });
    } catch (error) {
      if (!signal.aborted) this.#options.logger.error({ err: error, repository }, "push failed");
      band.abandon();
    } finally {
      leave();
    }
    this.#rollUp(gitDir);
  }

  /** Behind the push: nobody waits for it, but stopping does. */
  #rollUp(gitDir: string): void {
    if (this.#rollingUp.has(gitDir) || this.#stopping.signal.aborted) return;
    this.#rollingUp.add(gitDir);
    const { logger, maxPacks } = this.#options;
    const { signal } = this.#stopping;
    const running = rollUpPacks(gitDir, signal, maxPacks)
      .catch((error: unknown) => {
        if (!signal.aborted) logger.warn({ err: error, gitDir }, "packs cannot be rolled up");
      })
      .finally(() => {
        this.#rollingUp.delete(gitDir);
        this.#running.delete(running);
      });
    this.#running.add(running);
  }
}

/** What comes after the answer is thrown away for a while, so that the client gets to read it. */
function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_MS);
  request.once("close", () => clearTimeout(timer));
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new Error("the client went away"));
  });
  return gone.signal;
}

async function advertiseForPush({ gitDir, response }: Exchange): Promise<void> {
  const { ids } = await readRefs(gitDir);
  const lines =
    ids.size === 0 ? [[NO_OBJECT, "capabilities^{}"]] : [...ids].map(([ref, id]) => [id, ref]);
  const packets = lines.map(([id, ref], at) =>
    pktLine(`${id} ${ref}${at === 0 ? `\0${CAPABILITIES}` : ""}\n`),
  );
  response.writeHead(200, {
    "content-type": "application/x-git-receive-pack-advertisement",
    "cache-control": "no-cache",
  });
  response.end(Buffer.concat([pktLine("# service=git-receive-pack\n"), FLUSH, ...packets, FLUSH]));
}

function refusalOf(error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof RequestBodyError) return error;
  if (error instanceof ProtocolError) return { code: 400, message: error.message };
  throw error;
}

interface Target {
  readonly repository: RepositoryId;
  /** Undefined: something that only old clients ask for. */
  readonly action: Action | undefined;
}

/** Undefined for what can be no repository. */
function parseTarget({ method, url = "" }: IncomingMessage): Target | undefined {
  const [path = "", query = ""] = url.split("?", 2);
  const match =
    /^\/git\/(?:([^/]+)\/)?([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack|HEAD|objects\/.*)$/.exec(
      path,
    );
  const [, namespace = "default", name = "", rest = ""] = match ?? [];
  const repository = match === null ? undefined : repositoryId(namespace, name);
  return repository === undefined
    ? undefined
    : { repository, action: actionOf(method, rest, query) };
}

function actionOf(method: string | undefined, rest: string, query: string): Action | undefined {
  if (rest === "info/refs" && method === "GET") {
    const service = serviceOf(new URLSearchParams(query).get("service"));
    return service === undefined ? undefined : { kind: "refs", service };
  }
  const service = serviceOf(rest);
  return service === undefined || method !== "POST" ? undefined : { kind: "call", service };
}

function serviceOf(name: string | null): Service | undefined {
  return name === "git-upload-pack" || name === "git-receive-pack" ? name : undefined;
}

/** Basic authentication, whoever the user says to be; the token counts. */
function credentialOf({
  headers,
}: IncomingMessage): { readonly username: string; readonly token: string } | undefined {
  const [, scheme = "", value = ""] =
    /^(basic|bearer) +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return { username: "git", token: value };
  if (scheme === "") return undefined;
  const [username = "", ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
  const plain = username.replace(/[^\w.@-]/g, "").slice(0, 64);
  return { username: plain === "" ? "git" : plain, token: password.join(":") };
}

/**
 * What a server leaves behind that was killed: quarantined objects, drafts of repositories, and
 * locks whose holder is gone (nobody else works in these directories).
 */
async function tidyRepositories(dataDir: string): Promise<void> {
  const root = repositoriesFolder(dataDir);
  for (const namespace of await readdir(root).catch(() => []))
    for (const name of await readdir(join(root, namespace)).catch(() => [])) {
      const directory = join(root, namespace, name);
      if (name.startsWith(".new-")) await rm(directory, { recursive: true, force: true });
      else await tidyRepository(directory);
    }
}

async function tidyRepository(directory: string): Promise<void> {
  await discardQuarantines(directory);
  const loose = await readdir(join(directory, "refs"), { recursive: true }).catch(() => []);
  const locks = ["HEAD.lock", "packed-refs.lock", "config.lock"];
  locks.push(...loose.filter((path) => path.endsWith(".lock")).map((path) => join("refs", path)));
  for (const lock of locks) await rm(join(directory, lock), { force: true });
  const packs = join(directory, "objects", "pack");
  for (const name of await readdir(packs).catch(() => []))
    if (/^(\.tmp-|tmp_)/.test(name)) await rm(join(packs, name), { force: true });
}
