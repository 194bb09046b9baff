import { type Notifier, startNotifier } from "../../../src/gitops/notify/notifier.ts";
import { type Alert, type AlertSpec, alerts } from "../../../src/kube/kinds/alert.ts";
import { type ProviderSpec, providers } from "../../../src/kube/kinds/provider.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { OperatedCluster } from "../operated-cluster.ts";
import { RecordingServer } from "./recording-server.ts";

/** A cluster with an operator, a notifier and somebody who is told. */
export class NotifiedCluster {
  readonly cluster: OperatedCluster;
  readonly server: RecordingServer;
  notifier: Notifier | undefined;

  private constructor(cluster: OperatedCluster, server: RecordingServer) {
    this.cluster = cluster;
    this.server = server;
  }

  static async start(): Promise<NotifiedCluster> {
    const notified = new NotifiedCluster(
      await OperatedCluster.start(),
      await RecordingServer.start(),
    );
    await notified.startNotifier();
    return notified;
  }

  async startNotifier(options: { allowLoopback?: boolean } = {}): Promise<void> {
    const { cluster } = this;
    if (cluster.operator === undefined) await cluster.startOperator();
    const { operator } = cluster;
    if (operator === undefined) throw new Error("no operator");
    this.notifier = await startNotifier({
      client: cluster.client,
      clock: cluster.clock,
      applications: operator.applications,
      allowLoopback: options.allowLoopback ?? true,
      random: () => 0,
    });
  }

  async stopNotifier(): Promise<void> {
    const stopped = this.notifier?.stop();
    await this.cluster.clock.advance(1);
    await stopped;
    this.notifier = undefined;
  }

  async stop(): Promise<void> {
    await this.stopNotifier();
    await this.cluster.stop();
    await this.server.stop();
  }

  async provider(spec: Partial<ProviderSpec>, secret?: Record<string, string>, name = "chat") {
    const { client } = this.cluster;
    const metadata = { name, namespace: "default" };
    if (secret !== undefined)
      await client.create(secrets, {
        apiVersion: "v1",
        kind: "Secret",
        metadata,
        stringData: secret,
      });
    await client.create(providers, {
      apiVersion: "gantry.dev/v1",
      kind: "Provider",
      metadata,
      spec: {
        type: "generic",
        ...(secret?.["address"] === undefined ? { address: this.server.url } : {}),
        ...(secret === undefined ? {} : { secretRef: { name } }),
        ...spec,
      },
    });
    await this.cluster.settle();
  }

  async alert(spec: Partial<AlertSpec> = {}, name = "alert"): Promise<void> {
    await this.cluster.client.create(alerts, {
      apiVersion: "gantry.dev/v1",
      kind: "Alert",
      metadata: { name, namespace: "default" },
      spec: {
        providerRef: { name: "chat" },
        eventSources: [{ kind: "Application", name: "*" }],
        ...spec,
      },
    });
    await this.cluster.settle();
  }

  alertNow(name = "alert"): Promise<Alert> {
    return this.cluster.client.get(alerts, { namespace: "default", name });
  }

  /** Until so many requests have come altogether, and no more are on their way. */
  async told(count: number): Promise<void> {
    await this.cluster.until(() => this.server.requests.length >= count);
    await this.quiet();
  }

  /** Nothing waits to be sent, and nothing more comes. */
  async quiet(): Promise<void> {
    await this.cluster.until(() => this.notifier?.pending === 0);
    await this.cluster.settle();
  }
}
