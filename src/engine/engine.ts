/**
 * The embedded cluster, wired together: store, API server, controllers, scheduler, service proxy and
 * a node agent. Parts start in order and stop in reverse; everything above the API server is a client.
 */
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import { type Clock, systemClock } from "../client/clock.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { Informers } from "../client/informers.ts";
import type { Logger } from "../client/logger.ts";
import { stopInReverse } from "../client/stop-in-reverse.ts";
import { addressAt } from "./apiserver/admission/address-range.ts";
import { createApiServer } from "./apiserver/api-server.ts";
import type { AuditRecord } from "./apiserver/audit.ts";
import { AuditLog, isForeignWrite } from "./apiserver/audit-log.ts";
import { bootstrap, publishApiAddress } from "./apiserver/bootstrap.ts";
import { staticTokens, withServiceAccounts } from "./apiserver/http/authenticate.ts";
import { startHttpsServer } from "./apiserver/http/https-server.ts";
import { InProcessClient } from "./apiserver/in-process-client.ts";
import { ensureAdminToken, writeKubeconfig } from "./apiserver/pki/admin-credentials.ts";
import { ensureCertificates, issueSelfSigned } from "./apiserver/pki/certificates.ts";
import {
  type ObjectAddress,
  RecentWriters,
  type WriterRecord,
} from "./apiserver/recent-writers.ts";
import { MASTERS_GROUP, type UserInfo } from "./apiserver/request-context.ts";
import { ServiceAccountTokens } from "./apiserver/service-accounts/service-account-tokens.ts";
import { openSigningKeys } from "./apiserver/service-accounts/signing-keys.ts";
import { startControllers } from "./controllers/index.ts";
import type { DnsAddress, DnsCounts, DnsOptions } from "./network/dns/dns-server.ts";
import type { AddressRanges } from "./network/address-ranges.ts";
import { createRoutingBoard } from "./network/in-process-board.ts";
import { createIngressProxy, type IngressProxyOptions } from "./network/ingress/ingress-proxy.ts";
import { createServiceProxy } from "./network/service-proxy.ts";
import { startNodeAgent } from "./node/node-agent.ts";
import type { Runtime } from "./node/runtime/runtime.ts";
import { RotatingFile } from "./rotating-file.ts";
import type { HostPathPolicy } from "./node/volumes/host-path.ts";
import type { SchedulerProfile } from "./scheduler/scheduler-profile.ts";
import { startScheduler } from "./scheduler/scheduler.ts";
import { keepNodePool, type PoolOptions } from "./simulation/node-pool.ts";
import { simulatedConnection } from "./simulation/simulated-connection.ts";
import { startSimulation } from "./simulation/simulation.ts";
import { startStorage } from "./storage/start-storage.ts";
import { LmdbStore } from "./store/lmdb-store.ts";

export interface EngineOptions {
  readonly dataDir: string;
  readonly api: { readonly host: string; readonly port: number };
  /** Where NodePorts and LoadBalancers listen. */
  readonly nodeAddress: string;
  /** What LoadBalancer Services get addresses from. @default this machine's own addresses */
  readonly loadBalancerAddresses?: AddressRanges;
  /** Where Ingresses are served. Absent: nowhere. */
  readonly ingress?: Pick<
    IngressProxyOptions,
    "http" | "https" | "onListen" | "allowedExternal"
  > & {
    /** Each request is a line of JSON in `<data-dir>/logs/ingress-access.log`. */
    readonly writesAccessLog?: boolean;
  };
  /** The cluster's DNS server. Absent: none. */
  readonly dns?: DnsOptions;
  readonly nodeName: string;
  /** What `hostPath` volumes may show of this machine. @default every path */
  readonly hostPaths?: HostPathPolicy;
  /** Absent: this machine is no node, and nothing runs on it. */
  readonly createRuntime?: (dataDir: string) => Promise<Runtime>;
  /** How many simulated nodes to keep. Absent: those that are there stay as they are. */
  readonly simulatedNodes?: PoolOptions;
  /** Who schedules pods, by name. @default one, `default-scheduler` */
  readonly schedulers?: readonly SchedulerProfile[];
  /** Leave pods running when the engine stops. */
  readonly keepPods: boolean;
  readonly version: string;
  readonly clock?: Clock;
  readonly logger: Logger;
}
export interface Engine {
  /** Acts as the administrator, in process. */
  readonly client: Client;
  /** `https://127.0.0.1:6443`. */
  readonly address: string;
  readonly kubeconfig: string;
  /** Where DNS listens and what it did; absent without `dns`. */
  readonly dns?: { readonly addresses: readonly DnsAddress[]; readonly counts: DnsCounts };
  /** Who wrote to an object last through a field manager, as the audit log has it. */
  writerOf(object: ObjectAddress, manager: string): WriterRecord | undefined;
  /** Names of failing checks; empty when ready. */
  notReady(): readonly string[];
  stop(): Promise<void>;
}

/** By custom the tenth address of the range is that of DNS: people and charts expect it there. */
const DNS_SERVICE_OFFSET = 10;

const ADMIN: UserInfo = { name: "admin", groups: [MASTERS_GROUP] };
const user = (name: string): UserInfo => ({ name: `system:${name}`, groups: [MASTERS_GROUP] });

/** @throws the store's errors, and what the operating system says when the address cannot be had */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, logger, clock = systemClock, api: address } = options;
  const stops: (() => unknown)[] = [];
  const stop = (): Promise<void> => stopInReverse(stops.splice(0));
  try {
    const store = await LmdbStore.open({ directory: join(dataDir, "db"), clock });
    stops.push(() => store.close());
    const auditLog = await AuditLog.open(join(dataDir, "logs", "audit.log"), logger);
    stops.push(() => auditLog.close());
    const writers = new RecentWriters();
    const audit = (record: AuditRecord): void => {
      if (!isForeignWrite(record)) return;
      auditLog.record(record);
      writers.record(record);
    };
    const pki = join(dataDir, "pki");
    const tokens = new ServiceAccountTokens({ keys: await openSigningKeys(pki), store, clock });
    const api = createApiServer({ store, clock, audit, serviceAccountTokens: tokens });
    stops.push(() => api.close());
    await bootstrap(api);
    const [certificates, token] = await Promise.all([
      ensureCertificates({ directory: pki, names: serverNames(address.host), nowMs: clock.now() }),
      ensureAdminToken(pki),
    ]);
    const starting = new Set(["starting"]);
    const notReady = (): string[] => {
      const health = store.health();
      return [...starting, ...(health.writable ? [] : [`store: ${health.reason}`])];
    };
    const https = await startHttpsServer({
      api,
      authenticator: withServiceAccounts(tokens, staticTokens(new Map([[token, ADMIN]]))),
      certificate: certificates.server,
      host: address.host,
      port: address.port,
      logger,
      gantryVersion: options.version,
      notReady,
      openId: () => tokens.discovery(url),
    });
    stops.push(() => https.close());
    const url = `https://${inUrl(reachable(address.host))}:${https.port}`;
    const kubeconfig = join(dataDir, "kubeconfig");
    await writeKubeconfig(kubeconfig, { server: url, ca: certificates.ca, token });

    const client = new InProcessClient(api, ADMIN);
    const abort = new AbortController();
    stops.push(() => abort.abort(new Error("the engine was stopped")));
    const informers = new Informers(client.as(user("informers")), { clock, logger });
    stops.push(() => informers.stop());
    const controllers = await startControllers({
      client: client.as(user("controllers")),
      informers,
      clock,
      logger,
      serviceAccounts: {
        ca: certificates.ca,
        issue: (...account) => tokens.issueLegacy(...account),
      },
      signal: abort.signal,
    });
    stops.push(() => controllers.stop());
    const storage = await startStorage({
      client: client.as(user("storage")),
      informers,
      directory: join(dataDir, "volumes"),
      pluginsDirectory: join(dataDir, "plugins_registry"),
      nodeName: options.nodeName,
      clock,
      logger,
    });
    stops.push(() => storage.stop());
    const scheduler = await startScheduler({
      client: client.as(user("scheduler")),
      informers,
      ...(options.schedulers === undefined ? {} : { profiles: options.schedulers }),
      clock,
      logger,
    });
    stops.push(() => scheduler.stop());
    const board = createRoutingBoard();
    const proxy = createServiceProxy({
      client: client.as(user("service-proxy")),
      informers,
      board,
      recorder: createEventRecorder({
        client: client.as(user("service-proxy")),
        component: "service-proxy",
        clock,
        logger,
        signal: abort.signal,
      }),
      clock,
      logger,
      nodeName: options.nodeName,
      nodeAddress: options.nodeAddress,
      ...(options.loadBalancerAddresses === undefined
        ? {}
        : { loadBalancerAddresses: options.loadBalancerAddresses }),
    });
    const proxies: { listen?(): Promise<void>; stop(): Promise<void> }[] = [proxy];
    if (options.ingress !== undefined) {
      const accessLog =
        options.ingress.writesAccessLog === true
          ? await RotatingFile.open(
              join(dataDir, "logs", "ingress-access.log"),
              "the access log of the ingress",
              logger,
            )
          : undefined;
      if (accessLog !== undefined) stops.push(() => accessLog.close());
      const ingress = createIngressProxy({
        ...options.ingress,
        client: client.as(user("ingress")),
        informers,
        board,
        recorder: createEventRecorder({
          client: client.as(user("ingress")),
          component: "ingress",
          clock,
          logger,
          signal: abort.signal,
        }),
        clock,
        logger,
        defaultCertificate: () =>
          issueSelfSigned("gantry-ingress-default", ["gantry-ingress.invalid"], clock.now()),
        ...(accessLog === undefined
          ? {}
          : { accessLog: (line) => accessLog.write(JSON.stringify(line)) }),
      });
      proxies.push(ingress);
    }
    // Together: while one lets its clients finish, the other's need not wait.
    stops.push(() => Promise.all(proxies.map((one) => one.stop())));
    for (const one of proxies) await one.listen?.();
    const dns =
      options.dns === undefined
        ? undefined
        : await (await import("./network/dns/dns-server.ts")).startDnsServer({
            ...options.dns,
            client: client.as(user("dns")),
            informers,
            board,
            clock,
            logger,
            serviceAddress: addressAt(DNS_SERVICE_OFFSET),
          });
    if (dns !== undefined) stops.push(() => dns.stop());
    if (options.createRuntime !== undefined) {
      const runtime = await options.createRuntime(dataDir);
      const agent = await startNodeAgent({
        client: client.as(user("node")),
        informers,
        runtime,
        board,
        nodeName: options.nodeName,
        dataDir,
        clock,
        logger,
        keepPods: options.keepPods,
        drivers: storage.drivers,
        ...(options.hostPaths === undefined ? {} : { hostPaths: options.hostPaths }),
        clusterNameserver: () => dns?.nameserver,
        address: reachable(options.nodeAddress),
      });
      stops.push(() => agent.stop());
      stops.push(api.nodes.connect(options.nodeName, agent.connection));
    }
    const simulationClient = client.as(user("simulation"));
    if (options.simulatedNodes !== undefined)
      await keepNodePool(simulationClient, options.simulatedNodes, clock.now());
    const simulation = await startSimulation({
      client: simulationClient,
      informers,
      connect: (nodeName) => api.nodes.connect(nodeName, simulatedConnection(clock)),
      clock,
      logger,
    });
    stops.push(() => simulation.stop());
    await publishApiAddress(api, { ip: reachable(address.host), port: https.port });
    starting.clear();
    return {
      client,
      address: url,
      kubeconfig,
      ...(dns === undefined ? {} : { dns }),
      writerOf: (object, manager) => writers.find(object, manager),
      notReady,
      stop,
    };
  } catch (error) {
    // What stops badly because it never ran must not hide why it did not.
    await stop().catch((failure: unknown) => logger.warn({ err: failure }, "could not tidy up"));
    throw error;
  }
}

/** Names that clients may use for the API server. */
function serverNames(host: string): string[] {
  const names = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
    "127.96.0.1",
  ];
  return [...new Set([...names, reachable(host)])];
}

const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** An address that a client on this machine can connect to. */
function reachable(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}
