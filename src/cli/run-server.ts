/** `up` and `demo`: a server in the foreground until a signal ends it. */
import { hostname } from "node:os";
import { join, relative, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pino } from "pino";
import type { Client } from "../client/client.ts";
import type { AddressRanges } from "../engine/network/address-ranges.ts";
import { openProcessRuntime } from "../engine/node/runtime/process/process-runtime.ts";
import type { SchedulerProfile } from "../engine/scheduler/scheduler-profile.ts";
import { parseDuration } from "../gitops/duration.ts";
import { type ApplicationResource, applications } from "../kube/kinds/application.ts";
import { type Service, services } from "../kube/kinds/service.ts";
import type { ListenAddress } from "../server/listen-address.ts";
import { type Server, type ServerOptions, startServer } from "../server/server.ts";
import {
  readWebCertificate,
  type WebCertificate,
  WebCertificateError,
} from "../server/web-certificate.ts";
import { type CliContext, CliError } from "./context.ts";
import { seedDemoRepository } from "./demo-repository.ts";
import { type DnsFlags, dnsOptionsOf } from "./dns-flags.ts";
import { endOnDefect } from "./end-on-defect.ts";
import { printLine, progress } from "./output.ts";
import { packageVersion } from "./package-root.ts";
import { type SecretFlags, secretSourcesOf } from "./secret-flags.ts";
import { type SimulationFlags, simulatedNodesOf } from "./simulation-flags.ts";
import { type RenderingFlags, renderingOptions } from "./rendering-flags.ts";

const ANSWER_POLL_MS = 50;
/** Beside the ports that need privileges or that other tools take by custom. */
const INGRESS_HTTP_PORT = 8081;
const INGRESS_HTTPS_PORT = 8444;

interface ServerFlags extends DnsFlags {
  readonly dataDir: string;
  readonly apiListen: ListenAddress;
  readonly listen: ListenAddress;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly nodeAddress: string;
  readonly loadBalancerAddresses?: AddressRanges;
  readonly ingressHttp?: ListenAddress;
  readonly ingressHttps?: ListenAddress;
  readonly ingressAccessLog?: boolean;
  readonly ingressExternalAddresses?: readonly string[];
  readonly hostPathPrefix?: readonly string[];
  readonly keepPods?: boolean;
  readonly pollInterval: string;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
}
interface UpFlags extends ServerFlags, RenderingFlags, SecretFlags, SimulationFlags {
  readonly repo?: string;
  readonly revision?: string;
  readonly path?: string;
  readonly namespace: string;
  readonly notifyLoopback?: boolean;
  readonly schedulers?: readonly SchedulerProfile[];
  readonly runtime: "process";
}

export async function runUp(this: CliContext, flags: UpFlags): Promise<void> {
  const application =
    flags.repo === undefined
      ? undefined
      : {
          repoURL: isUrl(flags.repo) ? flags.repo : resolve(flags.repo),
          revision: flags.revision,
          path: flags.path,
          namespace: flags.namespace,
        };
  const rendering = renderingOptions(flags);
  const asked = {
    ...flags,
    secretSources: secretSourcesOf(flags),
    rendering,
    allowLoopbackTargets: flags.notifyLoopback === true,
  };
  await serve(this, asked, application, (server) => {
    printLine(this, `Kubernetes API  ${server.addresses.api}`);
    printLine(this, `Web             ${server.addresses.web}`);
    printLine(this, `kubeconfig      ${server.kubeconfig}`);
    return Promise.resolve();
  });
}

const isUrl = (repo: string): boolean =>
  /^[a-z][a-z0-9+.-]+:\/\//i.test(repo) || /^[^/]+@[^/]+:/.test(repo);

export async function runDemo(this: CliContext, flags: ServerFlags): Promise<void> {
  const directory = resolve(join(flags.dataDir, "demo"));
  const isNew = await seedDemoRepository(directory);
  progress(this, isNew ? `made the repository ${directory}` : `using the repository ${directory}`);
  const application = {
    repoURL: directory,
    revision: undefined,
    path: "apps",
    namespace: "default",
  };
  await serve(this, flags, application, async (server, signal) => {
    progress(this, "waiting for the first rollout …");
    const address = await firstRollout(server.client, signal);
    if (address === undefined) return;
    await untilAnswered(address, signal);
    if (signal.aborted) return;
    const shown = relative(process.cwd(), directory) || ".";
    printLine(
      this,
      `
The app runs at  ${address}
kubeconfig       ${relative(process.cwd(), server.kubeconfig)}

Try next:
  sed -i.bak 's/value: "1"/value: "2"/' ${shown}/apps/web/deployment.yaml
  git -C ${shown} commit -qam "Version 2"
  kubectl --kubeconfig ${relative(process.cwd(), server.kubeconfig)} rollout status deployment/web
`,
    );
  });
}

async function serve(
  context: CliContext,
  flags: ServerFlags &
    SimulationFlags &
    Pick<ServerOptions, "secretSources" | "rendering" | "allowLoopbackTargets" | "schedulers">,
  application: Parameters<typeof startServer>[0]["application"],
  onReady: (server: Server, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const pollIntervalMs = parseDuration(flags.pollInterval);
  if (pollIntervalMs === undefined || pollIntervalMs < 1_000)
    throw new CliError(
      `--poll-interval ${flags.pollInterval}: write a duration of at least a second, e.g. 3m`,
    );
  const webCertificate = await webCertificateOf(flags);
  const logger = pino(
    { level: flags.logLevel, base: null },
    pino.destination({ fd: 2, sync: true }),
  );
  let stopServer = (): Promise<void> => Promise.resolve();
  endOnDefect(logger, () => stopServer());
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.once(signal, () => {
        stopping.abort(new Error(`stopped by ${signal}`));
        resolve();
      });
  });
  const dns = dnsOptionsOf(flags);
  const server = await startServer({
    dataDir: flags.dataDir,
    api: flags.apiListen,
    web: flags.listen,
    ...(webCertificate === undefined ? {} : { webCertificate }),
    nodeAddress: flags.nodeAddress,
    ...(flags.loadBalancerAddresses === undefined
      ? {}
      : { loadBalancerAddresses: flags.loadBalancerAddresses }),
    ingress: {
      http: ingressAddress(flags.ingressHttp, INGRESS_HTTP_PORT),
      https: ingressAddress(flags.ingressHttps, INGRESS_HTTPS_PORT),
      writesAccessLog: flags.ingressAccessLog === true,
      allowedExternal: flags.ingressExternalAddresses ?? [],
    },
    ...(dns === undefined ? {} : { dns }),
    nodeName: hostname().toLowerCase(),
    ...(flags.hostPathPrefix === undefined
      ? {}
      : { hostPaths: { allowedPrefixes: flags.hostPathPrefix } }),
    ...nodesOf(flags),
    ...(flags.schedulers === undefined ? {} : { schedulers: flags.schedulers }),
    keepPods: flags.keepPods === true,
    pollIntervalMs,
    version: packageVersion(),
    logger,
    ...(application === undefined ? {} : { application }),
    ...(flags.secretSources === undefined ? {} : { secretSources: flags.secretSources }),
    ...(flags.rendering === undefined ? {} : { rendering: flags.rendering }),
    allowLoopbackTargets: flags.allowLoopbackTargets === true,
  });
  stopServer = () => server.stop();
  try {
    const told = onReady(server, stopping.signal);
    await Promise.race([stopped, told]);
    await stopped;
  } finally {
    progress(context, "stopping …");
    await server.stop();
  }
  // Whatever is still open belongs to nobody: a clean stop must not wait for it.
  context.process.exit(0);
}

/** This machine, or a pool of simulated nodes in its place. */
function nodesOf(flags: SimulationFlags): Pick<ServerOptions, "createRuntime" | "simulatedNodes"> {
  const simulatedNodes = simulatedNodesOf(flags);
  if (simulatedNodes !== undefined) return { simulatedNodes };
  return {
    createRuntime: (dataDir) => openProcessRuntime({ podsDirectory: join(dataDir, "pods") }),
  };
}

/** A default may be taken: that is told where it matters. What was asked for must be had. */
function ingressAddress(asked: ListenAddress | undefined, port: number) {
  return asked === undefined
    ? { host: "127.0.0.1", port, required: false }
    : { ...asked, required: true };
}

async function webCertificateOf({
  tlsCert,
  tlsKey,
}: ServerFlags): Promise<WebCertificate | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new CliError("--tls-cert and --tls-key belong together: name both files");
  try {
    return await readWebCertificate(tlsCert, tlsKey);
  } catch (error) {
    if (!(error instanceof WebCertificateError)) throw error;
    throw new CliError(error.message, { cause: error });
  }
}

/** Waits until the default Application is healthy; the address of its first load balancer. */
async function firstRollout(client: Client, signal: AbortSignal): Promise<string | undefined> {
  const key = { namespace: "default", name: "default" };
  try {
    for await (const event of client.watch(applications, {
      namespace: key.namespace,
      fieldSelector: `metadata.name=${key.name}`,
      signal,
    })) {
      if (event.type === "BOOKMARK") continue;
      const { status } = event.object;
      const problem = status?.conditions?.[0];
      if (problem !== undefined)
        throw new CliError(`the sample cannot be deployed: ${problem.message}`);
      if (status?.sync?.status === "Synced" && status.resources?.every(isRunning) === true) break;
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
  const { items } = await client.list(services, { namespace: "default" });
  return items.map(addressOf).find((address) => address !== undefined);
}

/** After a restart the objects tell of programs that have yet to be started again. */
async function untilAnswered(address: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await fetch(address, { method: "HEAD", signal });
      return;
    } catch (error) {
      if (!signal.aborted && !(error instanceof TypeError)) throw error;
    }
    await pause(ANSWER_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Services aside: a load balancer's port may be taken, and the app runs all the same. */
function isRunning({ kind, health }: ApplicationResource): boolean {
  return kind === "Service" || health === undefined || health.status === "Healthy";
}

/** Of a load balancer; its node port where its own port is taken on this machine. */
function addressOf({ spec, status }: Service): string | undefined {
  const port = spec?.ports?.[0];
  if (spec?.type !== "LoadBalancer" || port === undefined) return undefined;
  const ip = status?.loadBalancer?.ingress?.[0]?.ip;
  if (ip !== undefined) return `http://${ip}:${port.port}`;
  return port.nodePort === undefined ? undefined : `http://127.0.0.1:${port.nodePort}`;
}
