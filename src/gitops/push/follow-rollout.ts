/**
 * Follows the rollout of a pushed commit until it is decided, and says every step: counts per
 * workload as they change, and, when one cannot become ready, its first cause with its last words.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { type Application, applications } from "../../kube/kinds/application.ts";
import type { Resource } from "../../kube/kind.ts";
import { apiVersionOf, type KubeObject, keyOf, parseKey } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { type Diagnosis, diagnoseApplication } from "../diagnose/diagnose.ts";
import { diagnosisLines } from "../diagnose/diagnosis-lines.ts";
import { rolloutCounts } from "../diagnose/rollout-counts.ts";
import { healthOf } from "../health/rules.ts";
import { sha256 } from "../plan/desired.ts";
import { refKey, refOf } from "../plan/object-ref.ts";
import { APPLICATION_LABEL, trackingLabel } from "../plan/tracking.ts";
import { applicationAddresses } from "./application-addresses.ts";
import type { CheckedApplication } from "./check-application.ts";
import { type Pushed, type RolloutState, rolloutState, short } from "./rollout-state.ts";
import { WakeUps } from "./wake-ups.ts";

/** Kinds whose counts are worth a line. */
const WORKLOADS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ["apps/v1", "Deployment"],
  ["apps/v1", "StatefulSet"],
  ["apps/v1", "DaemonSet"],
  ["batch/v1", "Job"],
];
/** Longer than any rollout that somebody watches; Git forges and CI end a push that is silent. */
const LIMIT_MS = 10 * 60_000;
/** A cause that looks final has to stay for so long: what is missing may come a moment later. */
const PATIENCE_MS = 3_000;
/** Lines of one rollout; a fleet's counts scroll by otherwise. */
const MAX_LINES = 300;

export interface FollowOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** @default 10 minutes */
  readonly limitMs?: number;
}
export interface FollowResult {
  readonly outcome: "live" | "failed" | "open";
  /** What to say at the end. */
  readonly line: string;
}

/** @throws the signal's reason */
export async function followRollout(
  checked: Pick<CheckedApplication, "application" | "commit" | "knownAs">,
  options: FollowOptions,
): Promise<FollowResult> {
  const follower = new Follower(checked, options);
  const resources = await follower.workloadResources();
  const key = parseKey(keyOf(checked.application));
  const wakeUps = new WakeUps(options.client, options.clock, [
    {
      resource: applications,
      options: { namespace: key.namespace ?? "", fieldSelector: `metadata.name=${key.name}` },
    },
    ...resources.map((resource) => ({
      resource,
      options: { labelSelector: follower.labelSelector },
    })),
  ]);
  try {
    for (;;) {
      await wakeUps.next(options.signal);
      const result = await follower.look(resources);
      if (result !== undefined) return result;
    }
  } finally {
    await wakeUps.stop();
  }
}

class Follower {
  readonly labelSelector: string;
  readonly #key: string;
  readonly #label: string;
  readonly #pushed: Pushed;
  readonly #knownAs: () => Promise<string | undefined>;
  readonly #options: FollowOptions;
  readonly #startMs: number;
  /** The last line about each object. */
  readonly #told = new Map<string, string>();
  #lines = 0;
  #waitingFor: string | undefined;
  #hopelessSinceMs: number | undefined;

  constructor(
    { application, commit, knownAs }: Parameters<typeof followRollout>[0],
    options: FollowOptions,
  ) {
    this.#knownAs = knownAs;
    this.#key = keyOf(application);
    this.#label = trackingLabel(this.#key, sha256);
    this.labelSelector = `${APPLICATION_LABEL}=${this.#label}`;
    this.#pushed = { commit: commit.id, before: application.status?.sync?.revision };
    this.#options = options;
    this.#startMs = options.clock.now();
  }

  async workloadResources(): Promise<readonly Resource[]> {
    const { client } = this.#options;
    const found = await Promise.all(
      WORKLOADS.map(([version, kind]) => client.resourceFor(version, kind)),
    );
    return found.filter((resource) => resource !== undefined);
  }

  /** Undefined: it goes on. */
  async look(resources: readonly Resource[]): Promise<FollowResult | undefined> {
    const application = await this.#read();
    if (application === undefined) return failed(`${this.#key} was deleted`);
    const state = await this.#stateOf(application);
    if (state.kind === "superseded")
      return failed(`${this.#key}: ${short(state.by)} came in between`);
    if (state.kind === "waiting") this.#tellWaiting(state.why);
    else await this.#tellCounts(resources);
    if (state.kind === "done") return this.#live();
    const hopeless = state.kind === "waiting" ? undefined : await this.#hopeless(application);
    if (
      state.kind === "failed" &&
      (hopeless !== undefined || application.status?.health?.status !== "Degraded")
    )
      return this.#failed(hopeless, state.why);
    if (hopeless !== undefined) return this.#failed(hopeless, hopeless.health.message ?? "");
    const { clock, limitMs = LIMIT_MS } = this.#options;
    if (clock.now() - this.#startMs < limitMs) return undefined;
    return {
      outcome: "open",
      line: `… ${this.#key} is not ready after ${Math.round(limitMs / 1000)} s; it goes on without you: \`gantry status\` tells how`,
    };
  }

  /** A commit that says the same as an earlier one is known by the name of that. */
  async #stateOf(application: Application): Promise<RolloutState> {
    const state = rolloutState(application, this.#pushed);
    const revision = application.status?.sync?.revision;
    const isOther = state.kind === "waiting" || state.kind === "superseded";
    if (!isOther || revision === undefined) return state;
    // What the operator has read already its status may not tell yet.
    if ((await this.#knownAs()) !== revision) return state;
    return rolloutState(application, { ...this.#pushed, commit: revision });
  }

  async #read(): Promise<Application | undefined> {
    try {
      return await this.#options.client.get(applications, parseKey(this.#key));
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  #tellWaiting(why: string | undefined): void {
    if (why === undefined || why === this.#waitingFor) return;
    this.#waitingFor = why;
    this.#say(`waiting: ${why}`);
  }

  async #tellCounts(resources: readonly Resource[]): Promise<void> {
    const { client, signal } = this.#options;
    const isFirst = this.#told.size === 0;
    for (const resource of resources) {
      const { items } = await client.list(resource, { labelSelector: this.labelSelector, signal });
      for (const item of items) this.#tellWorkload(named(item, resource), isFirst);
    }
  }

  #tellWorkload(workload: KubeObject, isFirst: boolean): void {
    const counts = rolloutCounts(workload);
    if (counts === undefined) return;
    const isReady = healthOf(workload)?.status === "Healthy";
    const text = isReady ? `is ready (${counts.wanted} of ${counts.wanted})` : counts.text;
    const id = refKey(refOf(workload));
    const before = this.#told.get(id);
    this.#told.set(id, text);
    // What was ready before the push and still is, has not been touched.
    if (before === text || (isFirst && isReady)) return;
    this.#say(`${workload.kind.toLowerCase()}/${workload.metadata.name} ${text}`);
  }

  /** Something that cannot become ready without somebody's help, for a while already. */
  async #hopeless(application: Application): Promise<Diagnosis | undefined> {
    const { client, clock, signal } = this.#options;
    const nowMs = clock.now();
    const diagnoses = await diagnoseApplication(application, { client, nowMs, signal });
    for (const diagnosis of diagnoses) this.#tellCause(diagnosis);
    const isDegraded = application.status?.health?.status === "Degraded";
    const final = diagnoses.find(
      ({ cause, health }) => cause?.isFinal ?? (isDegraded && health.status === "Degraded"),
    );
    if (final === undefined) {
      this.#hopelessSinceMs = undefined;
      return undefined;
    }
    this.#hopelessSinceMs ??= nowMs;
    return nowMs - this.#hopelessSinceMs >= PATIENCE_MS ? final : undefined;
  }

  #tellCause({ ref, cause }: Diagnosis): void {
    if (cause === undefined) return;
    const id = `cause of ${refKey(ref)}`;
    const before = this.#told.get(id);
    this.#told.set(id, cause.reason);
    if (before === cause.reason) return;
    this.#say(`${ref.kind.toLowerCase()}/${ref.name}: ${cause.message}`);
  }

  async #live(): Promise<FollowResult> {
    const { client, clock, signal } = this.#options;
    const addresses = await applicationAddresses(client, this.#label, signal);
    const where = addresses.length === 0 ? "" : ` at ${addresses.join(" and ")}`;
    const seconds = ((clock.now() - this.#startMs) / 1000).toFixed(1);
    const line = `✓ ${this.#key} is live${where} (${short(this.#pushed.commit)}, ${seconds} s)`;
    return { outcome: "live", line };
  }

  #failed(hopeless: Diagnosis | undefined, why: string): FollowResult {
    if (hopeless === undefined) this.#say(`✗ ${why}`);
    else for (const line of diagnosisLines(hopeless)) this.#say(line);
    const cause = hopeless?.cause?.message ?? why;
    return failed(`${this.#key} does not run ${short(this.#pushed.commit)}: ${cause}`);
  }

  #say(text: string): void {
    if (this.#lines++ < MAX_LINES) this.#options.say(text);
  }
}

function failed(line: string): FollowResult {
  return { outcome: "failed", line: `✗ FAILED: ${line.split("\n")[0] ?? ""}` };
}

/** Items of a list need not say what they are. */
function named(item: KubeObject, resource: Resource): KubeObject {
  return { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
}
