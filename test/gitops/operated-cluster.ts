import type { Client } from "../../src/client/client.ts";
import { silentLogger } from "../../src/client/logger.ts";
import { InProcessClient } from "../../src/engine/apiserver/in-process-client.ts";
import { MemoryStore } from "../../src/engine/store/memory-store.ts";
import { createApiServer } from "../../src/engine/apiserver/api-server.ts";
import { type Operator, startOperator } from "../../src/gitops/operator.ts";
import type { ChangeAuthors } from "../../src/gitops/report/drift.ts";
import type { ManifestSource } from "../../src/gitops/application-manifests.ts";
import {
  type Application,
  type ApplicationOperation,
  type ApplicationSpec,
  type ApplicationStatus,
  applications,
} from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { type Event, events } from "../../src/kube/kinds/event.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import type { Resource } from "../../src/kube/kind.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { isStatus } from "../../src/kube/status-error.ts";
import { ManualClock } from "../manual-clock.ts";
import { FakeRepository } from "./fake-repository.ts";

export const POLL_INTERVAL_MS = 180_000;
/** Real time that a test may wait for simulated events. */
const PATIENCE_MS = 20_000;
const STEP_MS = 50;
/** Steps without a write after which nothing more is coming. */
const QUIET_STEPS = 6;

/** An API server with an operator on simulated time, and one repository. */
export class OperatedCluster {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore({ clock: this.clock });
  readonly server = createApiServer({ store: this.store, clock: this.clock });
  readonly client = new InProcessClient(this.server, { name: "admin", groups: ["system:masters"] });
  readonly repository = new FakeRepository();
  operator: Operator | undefined;

  static async start(options: Parameters<OperatedCluster["startOperator"]>[0] = {}) {
    const cluster = new OperatedCluster();
    await cluster.createNamespace("default");
    await cluster.startOperator(options);
    return cluster;
  }

  async createNamespace(name: string): Promise<void> {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await this.client.create(namespaces, namespace);
  }

  async startOperator(
    options: {
      readonly wrap?: (client: Client) => Client;
      readonly manifests?: ManifestSource;
      readonly authors?: ChangeAuthors;
    } = {},
  ): Promise<Operator> {
    this.operator = await startOperator({
      client: options.wrap?.(this.client) ?? this.client,
      clock: this.clock,
      logger: silentLogger,
      manifests: options.manifests ?? this.repository,
      pollIntervalMs: POLL_INTERVAL_MS,
      ...(options.authors === undefined ? {} : { authors: options.authors }),
    });
    return this.operator;
  }

  async stopOperator(): Promise<void> {
    const stopped = this.operator?.stop();
    await this.clock.advance(10_000);
    await stopped;
    this.operator = undefined;
  }

  async stop(): Promise<void> {
    await this.stopOperator();
    await this.server.close();
  }

  /** Lets time pass until `check` holds; its result. */
  async until<R>(check: () => R | Promise<R>): Promise<NonNullable<R>> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const result = await check();
      if (result) return result;
      if (performance.now() > deadlineMs) throw new Error(`never happened: ${check.toString()}`);
      await this.clock.advance(STEP_MS);
    }
  }

  /** Lets everything happen that happens without time passing to speak of. */
  async settle(): Promise<void> {
    let [quiet, revision] = [0, this.store.revision];
    while (quiet < QUIET_STEPS) {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      await this.clock.advance(1);
      quiet = this.store.revision === revision ? quiet + 1 : 0;
      revision = this.store.revision;
    }
  }

  /** Time passes, and what is due happens. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  /** Pushes and lets the operator hear of it. */
  async push(
    objects: readonly object[],
    options: Parameters<FakeRepository["push"]>[1] = {},
  ): Promise<string> {
    const revision = this.repository.push(objects, options);
    this.operator?.refresh(this.operator.applications.list().map((app) => keyOf(app)));
    await this.settle();
    return revision;
  }

  async createApplication(spec: Partial<ApplicationSpec> = {}, name = "app"): Promise<void> {
    await this.client.create(applications, application(spec, name));
    await this.settle();
  }

  application(name = "app"): Promise<Application> {
    return this.client.get(applications, { namespace: "default", name });
  }

  async status(name = "app"): Promise<ApplicationStatus> {
    return (await this.application(name)).status ?? {};
  }

  /** Merges into the Application. */
  async change(body: object, name = "app"): Promise<void> {
    const patch = { type: "merge", body: body as Record<string, never> } as const;
    await this.client.patch(applications, { namespace: "default", name }, patch);
    await this.settle();
  }

  async operate(sync: ApplicationOperation["sync"] & object, name = "app"): Promise<void> {
    await this.change({ operation: { sync, initiatedBy: { username: "ada" } } }, name);
  }

  async find<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    namespace = "default",
  ): Promise<T | undefined> {
    try {
      return await this.client.get(resource, resource.namespaced ? { namespace, name } : { name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async data(name: string): Promise<Record<string, string> | undefined> {
    return (await this.find(configMaps, name))?.data;
  }

  /** Somebody else changes an object. */
  async meddle<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    body: object,
  ): Promise<void> {
    const patch = { type: "merge", body: body as Record<string, never> } as const;
    const key = resource.namespaced ? { namespace: "default", name } : { name };
    await this.client.patch(resource, key, patch, { fieldManager: "somebody" });
    await this.settle();
  }

  async delete(resource: Resource, name: string): Promise<void> {
    const key = resource.namespaced ? { namespace: "default", name } : { name };
    await this.client.delete(resource, key);
    await this.settle();
  }

  async events(reason?: string): Promise<readonly Event[]> {
    const { items } = await this.client.list(events);
    return items.filter((event) => reason === undefined || event.reason === reason);
  }
}

export function application(spec: Partial<ApplicationSpec>, name: string): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name, namespace: "default" },
    spec: {
      source: { repoURL: "fake" },
      destination: { namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
      ...spec,
    },
  };
}

export function configMap(name: string, data: Record<string, string> = { key: "value" }): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;
