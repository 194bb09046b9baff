/**
 * Keeps the Applications of one ApplicationSet as its generators and template say. While a
 * generator cannot answer, everything stays as it is.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { done, requeueAfter, type Result } from "../../client/reconciler.ts";
import { formatTime } from "../../client/timestamps.ts";
import { setCondition } from "../../kube/conditions.ts";
import { type Application, applications } from "../../kube/kinds/application.ts";
import {
  type ApplicationSet,
  type ApplicationSetGenerator,
  applicationSets,
  type ApplicationSetStatus,
} from "../../kube/kinds/applicationset.ts";
import { deepEqual } from "../../kube/equality.ts";
import type { JsonObject, KubeObject } from "../../kube/object.ts";
import { isStatus, StatusError } from "../../kube/status-error.ts";
import { clip } from "../report/clip.ts";
import { SourceError } from "../source/source-error.ts";
import { applicationsOf } from "./application-of.ts";
import { generate, type GeneratorInputs } from "./generate.ts";
import { GeneratorError } from "./parameters.ts";
import { type ApplicationPlan, planApplications } from "./plan-applications.ts";

const FIELD_MANAGER = "gantry-applicationset";
/** Writes under way at once; the API server makes those that come together durable together. */
const CONCURRENCY = 16;
/** Git is followed by watch and webhook; other endpoints are only asked. Argo CD's default. */
const PULL_REQUEST_POLL_MS = 30 * 60_000;
const RETRY_MS = 30_000;

export interface ApplicationSetReconcilerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly inputsOf: (set: ApplicationSet, signal: AbortSignal) => GeneratorInputs;
  readonly setOf: (key: string) => ApplicationSet | undefined;
  /** The Applications of a namespace, as last seen. */
  readonly applicationsIn: (namespace: string) => readonly Application[];
  readonly forget: (key: string) => Promise<void>;
  readonly pollIntervalMs: number;
}

export class ApplicationSetReconciler {
  readonly #options: ApplicationSetReconcilerOptions;

  constructor(options: ApplicationSetReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const set = this.#options.setOf(key);
    // The garbage collector deletes the Applications of a set that is gone.
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) {
      await this.#options.forget(key);
      return done;
    }
    let wanted: KubeObject[];
    try {
      const parameters = await generate(set.spec.generators, this.#options.inputsOf(set, signal));
      wanted = applicationsOf(set, parameters);
    } catch (error) {
      if (!(error instanceof GeneratorError || error instanceof SourceError)) throw error;
      await this.#reportFailure(set, error);
      return requeueAfter(RETRY_MS);
    }
    const plan = planApplications(set, wanted, this.#existing(set));
    const problems = await this.#carryOut(plan, signal);
    await this.#report(set, wanted, plan, problems);
    if (problems.size > 0) return requeueAfter(RETRY_MS);
    const pollMs = pollOf(set.spec.generators, this.#options.pollIntervalMs);
    return pollMs === undefined ? done : requeueAfter(pollMs);
  }

  #existing({ metadata }: ApplicationSet): Map<string, KubeObject> {
    const found = this.#options.applicationsIn(metadata.namespace ?? "");
    return new Map(found.map((application) => [application.metadata.name, application]));
  }

  /** Messages by the names of the Applications that could not be written. */
  async #carryOut(
    { apply, remove }: ApplicationPlan,
    signal: AbortSignal,
  ): Promise<Map<string, string>> {
    const problems = new Map<string, string>();
    const work = [
      ...apply.map((application) => ({
        application,
        write: () => this.#apply(application, signal),
      })),
      ...remove.map((application) => ({
        application,
        write: () => this.#remove(application, signal),
      })),
    ];
    const worker = async (): Promise<void> => {
      for (let next = work.shift(); next !== undefined; next = work.shift()) {
        signal.throwIfAborted();
        try {
          await next.write();
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
          problems.set(next.application.metadata.name, error.message);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, work.length) }, worker));
    return problems;
  }

  async #apply(application: KubeObject, signal: AbortSignal): Promise<void> {
    const { namespace = "", name } = application.metadata;
    await this.#options.client.patch(
      applications,
      { namespace, name },
      { type: "apply", body: application as unknown as JsonObject },
      { force: true, fieldManager: FIELD_MANAGER, fieldValidation: "Strict", signal },
    );
  }

  async #remove({ metadata }: KubeObject, signal: AbortSignal): Promise<void> {
    const { namespace = "", name, uid } = metadata;
    try {
      await this.#options.client.delete(
        applications,
        { namespace, name },
        {
          propagationPolicy: "Background",
          signal,
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  #report(
    set: ApplicationSet,
    wanted: readonly KubeObject[],
    { foreign, held }: ApplicationPlan,
    problems: ReadonlyMap<string, string>,
  ): Promise<void> {
    const messages = new Map(problems);
    for (const name of foreign)
      messages.set(
        name,
        "an Application of this name exists that is not of this set; delete it or rename one",
      );
    const rows = wanted.map(({ metadata: { name } }) => {
      const message = messages.get(name);
      return message === undefined
        ? { name, status: "Synced" }
        : { name, status: "Failed", message: clip(message) };
    });
    const heldRows = (held?.names ?? []).map((name) => ({ name, status: "DeletionHeld" }));
    const first = [...messages][0];
    const trouble = held?.message ?? (first === undefined ? undefined : `${first[0]}: ${first[1]}`);
    const upToDate = trouble === undefined;
    return this.#write(set, {
      ...set.status,
      applications: [...rows, ...heldRows],
      conditions: this.#conditions(set, [
        {
          type: "ParametersGenerated",
          status: "True",
          reason: "Generated",
          message: `${wanted.length} sets of parameters`,
        },
        {
          type: "ResourcesUpToDate",
          status: upToDate ? "True" : "False",
          reason: upToDate
            ? "UpToDate"
            : held === undefined
              ? "ApplicationsFailed"
              : "DeletionHeld",
          message: trouble ?? "",
        },
      ]),
    });
  }

  #reportFailure(set: ApplicationSet, error: Error): Promise<void> {
    const reason = error instanceof SourceError ? "SourceUnreadable" : "GenerationFailed";
    return this.#write(set, {
      ...set.status,
      conditions: this.#conditions(set, [
        { type: "ParametersGenerated", status: "False", reason, message: error.message },
        {
          type: "ResourcesUpToDate",
          status: "Unknown",
          reason,
          message: "everything stays as it is until the generators answer",
        },
      ]),
    });
  }

  #conditions(
    { metadata, status }: ApplicationSet,
    conditions: readonly { type: string; status: string; reason: string; message: string }[],
  ): NonNullable<ApplicationSetStatus["conditions"]> {
    const now = formatTime(this.#options.clock.now());
    return conditions.reduce(
      (all, condition) =>
        setCondition(
          all,
          {
            ...condition,
            message: clip(condition.message),
            lastTransitionTime: now,
            ...(metadata.generation === undefined
              ? {}
              : { observedGeneration: metadata.generation }),
          },
          now,
        ),
      status?.conditions ?? [],
    );
  }

  async #write(set: ApplicationSet, status: ApplicationSetStatus): Promise<void> {
    const { generation, namespace = "", name, uid } = set.metadata;
    const next = {
      ...status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    if (deepEqual(set.status, next)) return;
    try {
      await this.#options.client.update(
        applicationSets,
        {
          ...set,
          metadata: { namespace, name, ...(uid === undefined ? {} : { uid }) },
          status: next,
        },
        { subresource: "status", fieldManager: FIELD_MANAGER },
      );
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }
}

/** How long until generators that do not announce changes are asked again; undefined: never. */
function pollOf(
  generators: readonly ApplicationSetGenerator[],
  pollIntervalMs: number,
): number | undefined {
  const times = generators.flatMap(({ git, pullRequest, matrix, merge }) => {
    const inner = pollOf(matrix?.generators ?? merge?.generators ?? [], pollIntervalMs);
    const own = git ?? pullRequest;
    if (own === undefined) return inner === undefined ? [] : [inner];
    const asked = own.requeueAfterSeconds;
    if (asked !== undefined) return [Math.max(1, asked) * 1_000];
    return [git === undefined ? PULL_REQUEST_POLL_MS : pollIntervalMs];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
