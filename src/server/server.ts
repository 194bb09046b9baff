/** One process: engine, operator and web listener, started in order and stopped in reverse. */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Client } from "../client/client.ts";
import { systemClock } from "../client/clock.ts";
import type { Logger } from "../client/logger.ts";
import { type Engine, type EngineOptions, startEngine } from "../engine/engine.ts";
import type { IngressProtocol } from "../engine/network/ingress/listener-name.ts";
import { RequiredAddressError } from "../engine/network/ingress/open-listeners.ts";
import { startApplicationSets } from "../gitops/generators/application-sets.ts";
import { CommitAdmission } from "../gitops/admit-commits.ts";
import { startOperator } from "../gitops/operator.ts";
import { ApplicationRenderer } from "../gitops/application-renderer.ts";
import { Programs, type ProgramsOptions } from "../gitops/render/programs/programs.ts";
import { Repositories, type RepositoriesOptions } from "../gitops/repositories.ts";
import { startNotifier } from "../gitops/notify/notifier.ts";
import { observeHealth } from "../gitops/report/observe-health.ts";
import { WEBHOOK_TIMEOUT_MS } from "../gitops/webhook/receive.ts";
import { PushGate } from "../gitops/push/push-gate.ts";
import type { Application } from "../kube/kinds/application.ts";
import { type Addresses, removeAddresses, writeAddresses } from "./addresses.ts";
import { applyDefaultApplication, type DefaultApplicationOptions } from "./default-application.ts";
import { announcePushUrls } from "./git/announce-push-urls.ts";
import { GIT_REQUEST_TIMEOUT_MS, startGitEndpoint } from "./git/git-endpoint.ts";
import { formatAddress, type ListenAddress, ListenError } from "./listen-address.ts";
import { Metrics } from "./metrics.ts";
import { credentialSecrets, credentialsFor, decode, readSecret } from "./repository-credentials.ts";
import { trustConfigMaps } from "./repository-trust.ts";
import { secretSources, type SecretSources } from "./secret-sources.ts";
import { stopInReverse } from "../client/stop-in-reverse.ts";
import type { WebCertificate } from "./web-certificate.ts";
import { sendText, startWebListener, type WebHandler } from "./web-listener.ts";
import { startWebhooks } from "./start-webhooks.ts";

/** Name and namespace of the Secret that holds one webhook secret for each sender. */
export const WEBHOOK_SECRET = { namespace: "default", name: "gantry-webhook" };
/** Argo CD's default: webhooks and local watches are faster, polling is the fallback. */
export const DEFAULT_POLL_INTERVAL_MS = 180_000;

export interface ServerOptions {
  readonly dataDir: string;
  readonly api: ListenAddress;
  readonly web: ListenAddress;
  /** Absent: the web listener speaks plain HTTP. */
  readonly webCertificate?: WebCertificate;
  readonly nodeAddress: string;
  readonly loadBalancerAddresses?: NonNullable<EngineOptions["loadBalancerAddresses"]>;
  /** Where Ingresses are served. Absent: nowhere. */
  readonly ingress?: Omit<NonNullable<EngineOptions["ingress"]>, "onListen">;
  /** The cluster's DNS server. Absent: none. */
  readonly dns?: NonNullable<EngineOptions["dns"]>;
  /** What `hostPath` volumes may show of this machine. @default every path */
  readonly hostPaths?: NonNullable<EngineOptions["hostPaths"]>;
  readonly nodeName: string;
  readonly createRuntime?: NonNullable<EngineOptions["createRuntime"]>;
  readonly simulatedNodes?: NonNullable<EngineOptions["simulatedNodes"]>;
  /** Who schedules pods, by name. @default one, `default-scheduler` */
  readonly schedulers?: NonNullable<EngineOptions["schedulers"]>;
  readonly keepPods: boolean;
  /** Which Kustomize and Helm are used, and how far they are kept apart. */
  readonly rendering?: ProgramsOptions;
  /** What Secrets in repositories may be decrypted with, and refer to. @default nothing */
  readonly secretSources?: SecretSources;
  readonly application?: DefaultApplicationOptions;
  readonly pollIntervalMs?: number;
  /** Whether notifications may go to, and webhook tokens come from, this machine. @default false */
  readonly allowLoopbackTargets?: boolean;
  readonly version: string;
  readonly logger: Logger;
}
export interface Server {
  readonly client: Client;
  readonly addresses: Addresses;
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { logger, version } = options;
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const stops: (() => unknown)[] = [];
  const stop = (): Promise<void> => stopInReverse(stops.splice(0));
  const ingressAddresses: Pick<Partial<Addresses>, "ingressHttp" | "ingressHttps"> = {};
  let publishAddresses = (): Promise<void> => Promise.resolve();
  const onIngress = (protocol: IngressProtocol, at: ListenAddress): void => {
    const url = `${protocol}://${formatAddress(at)}`;
    Object.assign(ingressAddresses, {
      [protocol === "http" ? "ingressHttp" : "ingressHttps"]: url,
    });
    logger.info({ address: url }, "ingress listens");
    publishAddresses().catch((error: unknown) =>
      logger.error({ err: error }, "could not write the ingress address down"),
    );
  };
  try {
    const engine = await startEngineAt(dataDir, options, onIngress);
    stops.push(() => engine.stop());
    const { client } = engine;
    const abort = new AbortController();
    const secrets = credentialSecrets(client);
    const trusted = trustConfigMaps(client);
    const informers = [...secrets, ...trusted];
    const running = informers.map((informer) => informer.run(abort.signal));
    stops.push(() => {
      abort.abort(new Error("the server was stopped"));
      return Promise.all(running);
    });
    await Promise.all(informers.map((informer) => informer.synced));

    let followers: () => Iterable<Application> = () => [];
    const metrics = new Metrics(function* () {
      for (const { metadata, status } of followers())
        yield {
          namespace: metadata.namespace ?? "",
          name: metadata.name,
          sync: status?.sync?.status ?? "Unknown",
          health: status?.health?.status ?? "Unknown",
        };
    });
    const { dns } = engine;
    if (dns !== undefined) metrics.setDns(() => dns.counts);
    let refresh: (keys: Iterable<string>, sinceMs?: number) => void = () => undefined;
    const credentialsOf: RepositoriesOptions["credentialsOf"] = (repoURL, namespace) =>
      credentialsFor(
        secrets.flatMap((informer) => informer.list()),
        repoURL,
        { namespace, configMaps: trusted.flatMap((informer) => informer.list()) },
      );
    const admission = new CommitAdmission({
      dataDir,
      clock: systemClock,
      secretOf: (namespace, name) => readSecret(client, namespace, name),
      credentialsOf,
    });
    stops.push(() => admission.stop());
    const repositories = new Repositories({
      dataDir,
      clock: systemClock,
      logger,
      credentialsOf,
      admit: (commit) => admission.admit(commit),
      observer: metrics,
      onChange: (keys, sinceMs) => refresh(keys, sinceMs),
      renderer: new ApplicationRenderer({
        client,
        logger,
        programs: new Programs(options.rendering),
        observer: metrics,
        ...secretSources(client, options.secretSources),
        onChange: (keys) => refresh(keys),
      }),
    });
    stops.push(() => repositories.stop());
    const operator = await startOperator({
      client,
      clock: systemClock,
      logger,
      manifests: repositories,
      pollIntervalMs: options.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS,
      authors: engine,
      metrics,
      observer: metrics,
    });
    stops.push(() => operator.stop());
    followers = () => operator.applications.list();
    const sets = await startApplicationSets({
      client,
      clock: systemClock,
      logger,
      applications: operator.applications,
      repositories,
      pollIntervalMs: options.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS,
      metrics,
    });
    stops.push(() => sets.stop());
    refresh = (keys, sinceMs) => operator.refresh(sets.refresh(keys), sinceMs);

    const notifier = await startNotifier({
      client,
      clock: systemClock,
      logger,
      applications: operator.applications,
      observer: metrics,
      allowLoopback: options.allowLoopbackTargets ?? false,
    });
    stops.push(() => notifier.stop());
    stops.push(observeHealth(operator.applications, systemClock, metrics));
    metrics.setQueues(() => ({ applications: operator.waiting, notifications: notifier.pending }));
    const webhooks = await startWebhooks({
      client,
      logger,
      operator,
      metrics,
      allowLoopback: options.allowLoopbackTargets ?? false,
      secretOf: (sender) => {
        const key = `${WEBHOOK_SECRET.namespace}/${WEBHOOK_SECRET.name}`;
        const secret = secrets
          .map((informer) => informer.get(key))
          .find((found) => found !== undefined);
        return secret === undefined ? undefined : decode(secret, sender);
      },
      readers: () => sets.readers(),
      refresh: (keys) => repositories.refresh(keys),
    });
    stops.push(() => webhooks.stop());
    const git = await startGitEndpoint({
      dataDir,
      client,
      clock: systemClock,
      logger,
      gate: new PushGate({
        client,
        clock: systemClock,
        observer: metrics,
        applications: () => operator.applications.list(),
        refresh,
        render: (application, pushed, signal) => repositories.renderAt(application, pushed, signal),
        knownAs: (application, pushed) => repositories.knownAs(application, pushed),
        police: (application, { manifests }) => operator.policy.findings(application, manifests),
      }),
    });
    const web = await startWebListener(
      options.web,
      routes(engine, metrics, webhooks.handle),
      logger,
      undefined,
      [
        { prefix: "/git/", handle: git.handle, requestTimeoutMs: GIT_REQUEST_TIMEOUT_MS },
        {
          prefix: "/hook/",
          handle: webhooks.handleReceiver,
          requestTimeoutMs: WEBHOOK_TIMEOUT_MS,
        },
      ],
      options.webCertificate,
    );
    stops.push(() => web.close());
    stops.push(() => git.stop());
    if (options.application !== undefined)
      await applyDefaultApplication(client, options.application);
    const addresses = {
      api: engine.address,
      web: `${options.webCertificate === undefined ? "http" : "https"}://${formatAddress({ ...options.web, port: web.port })}`,
    };
    const origin = reachable(addresses.web);
    stops.push(announcePushUrls({ client, informers: secrets, origin, logger }));
    const current = (): Addresses => {
      const [dns] = engine.dns?.addresses ?? [];
      return {
        ...addresses,
        ...ingressAddresses,
        ...(dns === undefined ? {} : { dns: formatAddress(dns) }),
      };
    };
    let writing = Promise.resolve();
    publishAddresses = () => (writing = writing.then(() => writeAddresses(dataDir, current())));
    stops.push(() => {
      publishAddresses = () => Promise.resolve();
      return writing.then(() => removeAddresses(dataDir));
    });
    await publishAddresses();
    logger.info({ ...current(), version }, "ready");
    return {
      client,
      get addresses() {
        return current();
      },
      kubeconfig: engine.kubeconfig,
      stop,
    };
  } catch (error) {
    // What stops badly because it never ran must not hide why it did not.
    await stop().catch((failure: unknown) => logger.warn({ err: failure }, "could not tidy up"));
    throw error;
  }
}

/** Listening on all addresses, it is reached on this machine's own. */
function reachable(origin: string): string {
  return origin.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]");
}

async function startEngineAt(
  dataDir: string,
  options: ServerOptions,
  onIngress: (protocol: IngressProtocol, at: ListenAddress) => void,
): Promise<Engine> {
  const { ingress, ...others } = options;
  try {
    return await startEngine({
      ...others,
      dataDir,
      ...(ingress === undefined ? {} : { ingress: { ...ingress, onListen: onIngress } }),
    });
  } catch (error) {
    if (error instanceof RequiredAddressError && ingress !== undefined)
      throw new ListenError(
        `Ingress over ${error.protocol.toUpperCase()}`,
        ingress[error.protocol],
        `--ingress-${error.protocol}`,
        error.cause as NodeJS.ErrnoException,
      );
    const code = (error as NodeJS.ErrnoException).code;
    const isListen = (error as NodeJS.ErrnoException).syscall === "listen";
    if (isListen && code !== undefined)
      throw new ListenError(
        "Kubernetes API",
        options.api,
        "--api-listen",
        error as NodeJS.ErrnoException,
      );
    throw error;
  }
}

function routes(engine: Engine, metrics: Metrics, webhook: WebHandler): Map<string, WebHandler> {
  return new Map<string, WebHandler>([
    ["GET /healthz", (_request, response) => sendText(response, 200, "ok\n")],
    [
      "GET /readyz",
      (_request, response) => {
        const failing = engine.notReady();
        if (failing.length === 0) sendText(response, 200, "ok\n");
        else sendText(response, 503, `not ready: ${failing.join(", ")}\n`);
      },
    ],
    [
      "GET /metrics",
      async (_request, response) => {
        const { type, text } = await metrics.expose();
        sendText(response, 200, text, type);
      },
    ],
    ["POST /api/webhook", webhook],
  ]);
}
