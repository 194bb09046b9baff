import { Informer } from "../../../src/client/informer.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { type Notifier, startNotifier } from "../../../src/gitops/notify/notifier.ts";
import { type Alert, type AlertSpec, alerts } from "../../../src/kube/kinds/alert.ts";
import {
  type Application,
  type ApplicationStatus,
  applications,
} from "../../../src/kube/kinds/application.ts";
import { type Event, events } from "../../../src/kube/kinds/event.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { type Provider, type ProviderSpec, providers } from "../../../src/kube/kinds/provider.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { ManualClock } from "../../manual-clock.ts";
import { application } from "../operated-cluster.ts";
import { RecordingServer } from "./recording-server.ts";

/** Real time that a test may wait. */
const PATIENCE_MS = 10_000;
export const REVISION = "0123456789abcdef0123456789abcdef01234567";
export const OTHER_REVISION = "fedcba9876543210fedcba9876543210fedcba98";

/** An API server, a notifier and somebody who is told; the test writes what an operator would. */
export class ToldCluster {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore({ clock: this.clock });
  readonly api = createApiServer({ store: this.store, clock: this.clock });
  readonly client = new InProcessClient(this.api, { name: "admin", groups: ["system:masters"] });
  readonly server: RecordingServer;
  notifier: Notifier | undefined;
  #watching: { abort: AbortController; done: Promise<void> } | undefined;

  private constructor(server: RecordingServer) {
    this.server = server;
  }

  static async start(): Promise<ToldCluster> {
    const told = new ToldCluster(await RecordingServer.start());
    await told.client.create(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "default" },
    });
    await told.startNotifier();
    return told;
  }

  async startNotifier(options: { allowLoopback?: boolean } = {}): Promise<void> {
    const { client, clock } = this;
    const informer = new Informer(client, applications, { clock });
    const abort = new AbortController();
    this.#watching = { abort, done: informer.run(abort.signal) };
    await informer.synced;
    this.notifier = await startNotifier({
      client,
      clock,
      applications: informer,
      allowLoopback: true,
      random: () => 0,
      ...options,
    });
  }

  async stopNotifier(): Promise<void> {
    await this.notifier?.stop();
    this.#watching?.abort.abort(new Error("stopped"));
    await this.#watching?.done;
    this.notifier = undefined;
  }

  async stop(): Promise<void> {
    await this.stopNotifier();
    await this.api.close();
    await this.server.stop();
  }

  async secret(name: string, stringData: Record<string, string>): Promise<void> {
    const metadata = { name, namespace: "default" };
    await this.client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, stringData });
  }

  /** Named `to`, with a Secret of the same name where `secret` is given. */
  async provider(spec: Partial<ProviderSpec>, secret?: Record<string, string>, name = "to") {
    if (secret !== undefined) await this.secret(name, secret);
    const hasAddress = spec.address !== undefined || secret?.["address"] !== undefined;
    await this.client.create(providers, {
      apiVersion: "gantry.dev/v1",
      kind: "Provider",
      metadata: { name, namespace: "default" },
      spec: {
        type: "generic",
        ...(hasAddress ? {} : { address: this.server.url }),
        ...(secret === undefined ? {} : { secretRef: { name } }),
        ...spec,
      },
    });
    await this.settle();
  }

  async alert(spec: Partial<AlertSpec> = {}, name = "alert"): Promise<void> {
    await this.client.create(alerts, {
      apiVersion: "gantry.dev/v1",
      kind: "Alert",
      metadata: { name, namespace: "default" },
      spec: {
        providerRef: { name: "to" },
        eventSources: [{ kind: "Application", name: "*" }],
        ...spec,
      },
    });
    await this.settle();
  }

  async application(repoURL = "https://git.example.com/team/shop.git", name = "app") {
    const object = application({ source: { repoURL } }, name);
    await this.client.create(applications, object);
    await this.settle();
  }

  /** What an operator would write. */
  async status(status: ApplicationStatus, name = "app"): Promise<void> {
    const key = { namespace: "default", name };
    const now = await this.client.get(applications, key);
    const next: Application = { ...now, status: { ...now.status, ...status } };
    await this.client.update(applications, next, { subresource: "status" });
    await this.settle();
  }

  /** The states that a sync passes through. */
  async synced(revision = REVISION, health = "Healthy", name = "app"): Promise<void> {
    await this.status({ ...running(revision) }, name);
    await this.status({ ...succeeded(revision), health: { status: health } }, name);
  }

  alertNow(name = "alert"): Promise<Alert> {
    return this.client.get(alerts, { namespace: "default", name });
  }
  providerNow(name = "to"): Promise<Provider> {
    return this.client.get(providers, { namespace: "default", name });
  }
  async events(reason: string): Promise<readonly Event[]> {
    const { items } = await this.client.list(events);
    return items.filter((event) => event.reason === reason);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets simulated time pass until `check` holds. */
  async until(check: () => boolean | Promise<boolean>, stepMs = 50): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!(await check())) {
      if (performance.now() > deadlineMs) throw new Error(`never happened: ${check.toString()}`);
      await this.clock.advance(stepMs);
    }
  }

  /** Until so many requests have come altogether, and nothing more waits. */
  async told(count: number): Promise<void> {
    await this.until(() => this.server.requests.length >= count);
    await this.quiet();
  }

  /** Nothing waits to be sent, and what was done is in the status. */
  async quiet(): Promise<void> {
    await this.until(() => this.notifier?.pending === 0);
    await this.clock.advance(2_000);
    await this.settle();
  }
}

const COMMIT = { author: "Ada Lovelace", subject: "Sell more" };
const STARTED = "2026-01-01T00:00:00Z";

export function running(revision: string): ApplicationStatus {
  return {
    sync: { status: "OutOfSync", revision },
    operationState: {
      phase: "Running",
      startedAt: STARTED,
      because: "revision",
      commit: COMMIT,
      syncResult: { revision },
    },
  };
}

export function succeeded(revision: string): ApplicationStatus {
  return {
    sync: { status: "Synced", revision },
    operationState: {
      phase: "Succeeded",
      message: "synced",
      startedAt: STARTED,
      finishedAt: STARTED,
      because: "revision",
      commit: COMMIT,
      plan: { create: 1, update: 2, replace: 0, prune: 0 },
      syncResult: { revision },
    },
  };
}

export function failed(revision: string, message = "it is not allowed"): ApplicationStatus {
  return {
    sync: { status: "OutOfSync", revision },
    operationState: {
      phase: "Failed",
      message: `1 of 3 objects failed: ${message}`,
      startedAt: STARTED,
      finishedAt: STARTED,
      because: "revision",
      commit: COMMIT,
      plan: { create: 1, update: 2, replace: 0, prune: 0 },
      syncResult: {
        revision,
        resources: [
          {
            group: "apps",
            version: "v1",
            kind: "Deployment",
            namespace: "default",
            name: "web",
            status: "SyncFailed",
            message,
          },
        ],
      },
    },
  };
}
