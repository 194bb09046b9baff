/** Deletes the objects of definitions that are being deleted, then lets the definitions go. */
import { sleep } from "../../../client/clock.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../kube/kinds/customresourcedefinition.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { StoreUnavailableError } from "../../store/store.ts";
import type { Backend } from "../backend.ts";
import { present } from "../present.ts";
import type { ServedKind } from "../registry.ts";
import { apiServerContext } from "../request-context.ts";
import { commit } from "../rest/commit.ts";
import { commitDeletion } from "../rest/delete.ts";
import { CUSTOM_RESOURCE_FINALIZER, isReadyToGo } from "../rest/finalizers.ts";
import { builtInVersions } from "./accepted-names.ts";

/** A full disk is the only thing that can hold this up: no use in trying often. */
const RETRY_MS = 1_000;

export class DefinitionCleanup {
  readonly #backend: Backend;
  /** By name of the definition; each ends what runs for it. */
  readonly #running = new Map<string, AbortController>();
  readonly #tasks = new Set<Promise<void>>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Idempotent: a definition is cleaned up by one task, which goes on until it is gone. */
  start(definition: CustomResourceDefinition): void {
    const { name, finalizers = [] } = definition.metadata;
    if (this.#running.has(name) || !finalizers.includes(CUSTOM_RESOURCE_FINALIZER)) return;
    const controller = new AbortController();
    this.#running.set(name, controller);
    const task = this.#run(definition, controller.signal).finally(() => {
      this.#running.delete(name);
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  async close(): Promise<void> {
    for (const controller of this.#running.values()) controller.abort();
    await Promise.all(this.#tasks);
  }

  async #run(definition: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#backend;
    const { group, names } = definition.spec;
    const resource = { group, plural: names.plural };
    // The objects of a built-in kind outlive a definition that came on top.
    if (builtInVersions(definition, this.#backend.registry.all()).length > 0)
      return this.#release(definition.metadata.name);
    while (!signal.aborted) {
      try {
        await this.#deleteObjects(definition);
        await untilEmpty(this.#backend, resource, signal);
        if (store.count(resource) === 0 && !signal.aborted) {
          await this.#release(definition.metadata.name);
          return;
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        // Rejects only when the signal ends the loop anyway.
        await sleep(clock, RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  async #deleteObjects(definition: CustomResourceDefinition): Promise<void> {
    const { store, registry } = this.#backend;
    const { group, names, versions } = definition.spec;
    const kind = versions
      .map(({ name }) => registry.find(group, name, names.plural))
      .find((served): served is ServedKind => served !== undefined);
    if (kind === undefined) return;
    const { items } = store.list({ group, plural: names.plural });
    await Promise.all(
      items.map(async ({ object }) => {
        const { name, namespace } = object.metadata;
        const target = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
        try {
          await commitDeletion(this.#backend, apiServerContext, target);
        } catch (error) {
          if (!isStatus(error, "NotFound")) throw error;
        }
      }),
    );
  }

  async #release(name: string): Promise<void> {
    const { group, version, plural } = customResourceDefinitions;
    const kind = this.#backend.registry.find(group, version, plural);
    if (kind === undefined) return;
    await commit(this.#backend, {
      target: { kind, name },
      context: apiServerContext,
      operation: "UPDATE",
      plan: (stored) => {
        if (stored === undefined) return { action: "keep" };
        const { object } = present(kind, stored);
        const { finalizers = [], ...metadata } = object.metadata;
        const rest = finalizers.filter((finalizer) => finalizer !== CUSTOM_RESOURCE_FINALIZER);
        const next = {
          ...object,
          metadata: rest.length === 0 ? metadata : { ...metadata, finalizers: rest },
        };
        return isReadyToGo(next)
          ? { action: "delete", last: next }
          : { action: "put", object: next };
      },
    });
  }
}

/** Resolves once the last object is gone: those with finalizers wait for their controllers. */
function untilEmpty(
  { store }: Backend,
  resource: { readonly group: string; readonly plural: string },
  signal: AbortSignal,
): Promise<void> {
  if (store.count(resource) === 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      stop();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const stop = store.watch(resource, store.revision, () => {
      if (store.count(resource) === 0) finish();
    });
    signal.addEventListener("abort", finish, { once: true });
  });
}
