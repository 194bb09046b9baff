/**
 * Serves what CustomResourceDefinitions define: keeps the registry in step with the stored
 * definitions, and cleans up after those that are deleted. Follows the store, so that a definition
 * is served, or no longer, by the time the write that said so is acknowledged.
 */
import { isConditionTrue } from "../../../kube/conditions.ts";
import { deepEqual } from "../../../kube/equality.ts";
import { customKind } from "../../../kube/kinds/custom.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../kube/kinds/customresourcedefinition.ts";
import { type Stored, type StoreEvent, StoreUnavailableError } from "../../store/store.ts";
import type { Backend } from "../backend.ts";
import type { ServedKind } from "../registry.ts";
import { apiServerContext } from "../request-context.ts";
import { commit, type Plan } from "../rest/commit.ts";
import { timestamp } from "../rest/timestamp.ts";
import { builtInVersions, isEstablished, withAcceptedNames } from "./accepted-names.ts";
import { DefinitionCleanup } from "./definition-cleanup.ts";
import { compareVersions } from "./version-order.ts";

export class CustomResources {
  readonly #backend: Backend;
  readonly #cleanup: DefinitionCleanup;
  readonly #stop: () => void;
  readonly #reviews = new Set<Promise<void>>();

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#cleanup = new DefinitionCleanup(backend);
    const { revision, items } = backend.store.list(customResourceDefinitions);
    for (const { object } of items) this.#update(object as CustomResourceDefinition, undefined);
    this.#stop = backend.store.watch(customResourceDefinitions, revision, (event) =>
      this.#onEvent(event),
    );
  }

  /** Stops following; clean-ups go on after the next start. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#reviews);
    await this.#cleanup.close();
  }

  #onEvent({ type, current, previous }: StoreEvent): void {
    const definition = current.object as CustomResourceDefinition;
    if (type === "put") {
      this.#update(definition, previous?.object as CustomResourceDefinition | undefined);
      return;
    }
    this.#backend.registry.setCustom(definition.metadata.name, []);
    this.#reviewNames(definition.spec.group);
  }

  /** Definitions whose names were taken get another chance when one of their group is gone. */
  #reviewNames(group: string): void {
    for (const { object } of this.#backend.store.list(customResourceDefinitions).items) {
      const { metadata, spec, status } = object as CustomResourceDefinition;
      if (spec.group !== group || isConditionTrue(status?.conditions, "NamesAccepted")) continue;
      const review = this.#reviewOne(metadata.name).finally(() => this.#reviews.delete(review));
      this.#reviews.add(review);
    }
  }

  async #reviewOne(name: string): Promise<void> {
    const { registry, clock } = this.#backend;
    const { group, version, plural } = customResourceDefinitions;
    const kind = registry.find(group, version, plural);
    if (kind === undefined) return;
    const plan = (stored: Stored | undefined): Plan => {
      if (stored === undefined) return { action: "keep" };
      const definition = stored.object as CustomResourceDefinition;
      const next = withAcceptedNames(definition, registry.all(), timestamp(clock.now()));
      return next === definition ? { action: "keep" } : { action: "put", object: next };
    };
    const target = { kind, name };
    const request = { target, context: apiServerContext, operation: "UPDATE", plan } as const;
    try {
      await commit(this.#backend, request);
    } catch (error) {
      // A full disk: the next change of the definition tries again.
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  #update(
    definition: CustomResourceDefinition,
    previous: CustomResourceDefinition | undefined,
  ): void {
    if (
      isEstablished(definition) &&
      (previous === undefined || servesOther(definition, previous))
    ) {
      const builtIn = builtInVersions(definition, this.#backend.registry.all());
      this.#backend.registry.setCustom(
        definition.metadata.name,
        servedVersions(definition, builtIn),
      );
    }
    if (isTerminating(definition)) this.#cleanup.start(definition);
  }
}

/** Whether what is served changes: a new `ServedKind` ends the watches of the old one. */
function servesOther(next: CustomResourceDefinition, previous: CustomResourceDefinition): boolean {
  return (
    isTerminating(next) !== isTerminating(previous) ||
    isEstablished(next) !== isEstablished(previous) ||
    !deepEqual(next.spec, previous.spec)
  );
}

/** Of a kind that is built in only the versions that are not, kept as the built-in ones are. */
function servedVersions(
  definition: CustomResourceDefinition,
  builtIn: readonly ServedKind[],
): ServedKind[] {
  const { versions } = definition.spec;
  const storageVersion =
    builtIn[0]?.storageVersion ?? versions.find(({ storage }) => storage)?.name;
  const custom = { definition: definition.metadata.name, terminating: isTerminating(definition) };
  return versions
    .filter(({ name, served }) => served && !builtIn.some(({ kind }) => kind.version === name))
    .map(({ name }) => name)
    .sort(compareVersions)
    .flatMap((version) => {
      const kind = customKind(definition, version);
      return kind === undefined
        ? []
        : [{ kind, storageVersion: storageVersion ?? version, custom }];
    });
}

const isTerminating = ({ metadata }: CustomResourceDefinition): boolean =>
  metadata.deletionTimestamp !== undefined;
