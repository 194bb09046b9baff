/** Watches ApplicationSets, the Applications they made and the repositories of their generators. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import { type ControllerMetrics, runController } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import type { Application, ApplicationSource } from "../../kube/kinds/application.ts";
import { type ApplicationSet, applicationSets } from "../../kube/kinds/applicationset.ts";
import { secrets } from "../../kube/kinds/secret.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { RepositoryUser } from "../open-repositories.ts";
import type { Commit } from "../source/source.ts";
import { SET_LABEL } from "./application-of.ts";
import { ApplicationSetReconciler } from "./application-set-reconciler.ts";
import type { GeneratorInputs } from "./generate.ts";
import { gitParameters } from "./git-parameters.ts";
import { GeneratorError } from "./parameters.ts";
import type { ListCredential } from "./pull-request-list.ts";
import { pullRequestParameters } from "./pull-requests.ts";

/** Sets are few, and each writes many Applications side by side. */
const WORKERS = 4;
/** Users of repositories that are no Applications. */
const USER_PREFIX = "applicationset:";

export interface GeneratorRepositories {
  commitOf(
    user: RepositoryUser,
    source: ApplicationSource,
    options: { readonly notBeforeMs: number; readonly signal: AbortSignal },
  ): Promise<Commit>;
  forget(userKey: string): Promise<void>;
}
export interface ApplicationSetsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly applications: Informer<Application>;
  readonly repositories: GeneratorRepositories;
  readonly pollIntervalMs: number;
  readonly metrics?: ControllerMetrics;
}
export interface ApplicationSets {
  /** Takes the keys that are of ApplicationSets, looks at these sets again, and returns the others. */
  refresh(userKeys: Iterable<string>): string[];
  /** Who reads which repositories: what webhooks are compared with. */
  readers(): { readonly key: string; readonly repoURL: string; readonly revision: string }[];
  stop(): Promise<void>;
}

export async function startApplicationSets(
  options: ApplicationSetsOptions,
): Promise<ApplicationSets> {
  const { client, clock, logger, applications, repositories, pollIntervalMs, metrics } = options;
  const abort = new AbortController();
  const queue = new WorkQueue({ clock, backoff: { initialMs: 50, maxMs: 60_000 } });
  const informer = new Informer(client, applicationSets, { clock, logger });
  const usersOf = new Map<string, Map<string, string>>();
  const staleSinceMs = new Map<string, number>();

  const inputsOf = (set: ApplicationSet, signal: AbortSignal): GeneratorInputs => {
    const key = keyOf(set);
    const notBeforeMs = staleSinceMs.get(key) ?? clock.now() - pollIntervalMs;
    staleSinceMs.delete(key);
    const users = usersOf.get(key) ?? new Map<string, string>();
    usersOf.set(key, users);
    return {
      async git(generator) {
        const { repoURL, revision } = generator;
        const user = `${USER_PREFIX}${key}:${repoURL}`;
        users.set(user, repoURL);
        const commit = await repositories.commitOf(
          { key: user, namespace: set.metadata.namespace },
          { repoURL, ...(revision === undefined ? {} : { targetRevision: revision }) },
          { notBeforeMs, signal },
        );
        return gitParameters(commit.tree, generator);
      },
      async pullRequests(generator) {
        const credential = await credentialOf(client, set, generator.secretRef?.name);
        const { fetchPullRequests } = await import("./pull-request-list.ts");
        return pullRequestParameters(
          await fetchPullRequests(generator, credential, signal),
          generator,
        );
      },
    };
  };

  const reconciler = new ApplicationSetReconciler({
    client,
    clock,
    inputsOf,
    setOf: (key) => informer.get(key),
    applicationsIn: (namespace) => applications.list(namespace),
    async forget(key) {
      for (const user of usersOf.get(key)?.keys() ?? []) await repositories.forget(user);
      usersOf.delete(key);
      staleSinceMs.delete(key);
    },
    pollIntervalMs,
  });
  informer.onChange(({ object }) => queue.add(keyOf(object)));
  const stopListening = applications.onChange(({ type, object, previous }) => {
    const name = object.metadata.labels?.[SET_LABEL] ?? previous?.metadata.labels?.[SET_LABEL];
    if (name === undefined) return;
    // Of the many writes to an Application, only those to its spec and labels are the set's business.
    const isSame =
      type === "MODIFIED" && previous?.metadata.generation === object.metadata.generation;
    if (!isSame) queue.add(`${object.metadata.namespace ?? ""}/${name}`);
  });
  const watching = informer.run(abort.signal);
  await informer.synced;
  const controller = runController({
    name: "applicationset",
    queue,
    workers: WORKERS,
    clock,
    logger,
    ...(metrics === undefined ? {} : { metrics }),
    reconcile: (key, signal) => reconciler.reconcile(key, signal),
  });
  const lookAgain = (key: string): void => {
    staleSinceMs.set(key, clock.now());
    queue.add(key);
  };
  return {
    refresh(userKeys) {
      const others: string[] = [];
      for (const key of userKeys) {
        if (!key.startsWith(USER_PREFIX)) others.push(key);
        else lookAgain(key.slice(USER_PREFIX.length).split(":")[0] ?? "");
      }
      return others;
    },
    readers() {
      return [...usersOf.values()].flatMap((users) =>
        [...users].map(([key, repoURL]) => ({ key, repoURL, revision: "HEAD" })),
      );
    },
    async stop() {
      stopListening();
      await controller.stop();
      abort.abort(new Error("the ApplicationSets were stopped"));
      await watching;
    },
  };
}

/** @throws GeneratorError when the Secret is missing or empty; its content is in no message */
async function credentialOf(
  client: Client,
  { metadata }: ApplicationSet,
  name: string | undefined,
): Promise<ListCredential | undefined> {
  if (name === undefined) return undefined;
  const { namespace = "" } = metadata;
  try {
    const { data = {} } = await client.get(secrets, { namespace, name });
    const text = (key: string): string =>
      Buffer.from(data[key] ?? "", "base64")
        .toString("utf8")
        .trim();
    if (text("token") !== "") return { authorization: `Bearer ${text("token")}` };
    if (text("password") !== "") {
      const basic = Buffer.from(`${text("username")}:${text("password")}`).toString("base64");
      return { authorization: `Basic ${basic}` };
    }
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
  throw new GeneratorError(`Secret ${namespace}/${name} has neither token nor password`);
}
